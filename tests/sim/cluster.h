// A cluster of combined nodes (broker and controller) on simulated machines, with clients that read and
// write, and checks after every event.
//
// Threads: one. Lifetime: never freed, see host.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/admin.h"
#include "tests/sim/client.h"
#include "tests/sim/fence_checks.h"
#include "tests/sim/history.h"
#include "tests/sim/host.h"
#include "tests/sim/image_checks.h"
#include "tests/sim/isr_checks.h"
#include "tests/sim/network.h"
#include "tests/sim/partition_checks.h"
#include "tests/sim/producer.h"
#include "tests/sim/raft_checks.h"
#include "tests/sim/reader.h"
#include "tests/sim/snapshot_sightings.h"

namespace penstock::sim {

struct ClusterOptions {
  int nodes = 1;
  int partitions = 2;
  int replicas = 1;
  int min_insync_replicas = 1;
  // Whether a broker syncs each append before it answers, so that nothing may be lost with the power.
  bool is_flushed = false;
  std::uint64_t in_flight_max = 1;  // Of a producer.
  bool has_losable_producer = false;
  bool has_admin = false;
  // What the brokers are told, for the checks of who is fenced before it has ended; zero: they are not made.
  base::Duration session{};
  base::Properties properties{};  // Further ones of every broker.
  std::map<std::string, std::string> topic_configs{};
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, aio::SimScheduler::Options speed, ClusterOptions options);

  base::Random& random() { return scheduler.random(); }
  // Uniform up to `at_most`.
  base::Duration some_time(base::Duration at_most);
  Host& host(int id) { return *hosts.at(static_cast<std::size_t>(id - 1)); }

  // Lets time pass; every event is followed by the checks.
  void run_for(base::Duration duration);
  bool run_until(const std::function<bool()>& condition, base::Duration limit);

  void start_host(int id);
  // Whether everybody is up and serves.
  bool is_whole();
  // Whether every partition has all its replicas in sync.
  bool is_in_sync();
  void start_clients();
  // After the faults: progress within a minute, and then what was acknowledged is there.
  void finish();
  bool has_failed() const { return !history.violations().empty(); }
  // What is not synced may be lost by fewer than min.insync.replicas replicas. Whoever has
  // lost it counts until it is in sync again, and until the controller has noticed, others may not be killed
  // either: a killed broker cannot tell the controller that it has lost nothing.
  bool may_lose_power(int id);
  // Whether the others have all that it has, in every partition.
  bool is_spared(int id);
  bool may_kill() const { return options.is_flushed || damaged_ == 0 || is_damage_noticed_; }
  void lose_power(int id);
  // Another machine takes the place of one that is lost with its disk; to be started.
  void lose_disk(int id);
  // Whether every node, as the replica that it is now, is among the voters.
  bool is_voted();
  // Tells what was lost with the power of the only replica from what must not be lost.
  void forget_unsynced(int id);

  aio::SimScheduler scheduler;
  SimNetwork network;
  History history;
  RaftChecks raft_checks{history};
  const ClusterOptions options;
  std::vector<std::unique_ptr<Host>> hosts;
  std::unique_ptr<Client> client;
  std::vector<std::unique_ptr<Producer>> producers;
  std::unique_ptr<Reader> reader;
  std::unique_ptr<Admin> admin;
  PartitionChecks partition_checks;
  ImageChecks image_checks{history};
  IsrChecks isr_checks{history};
  FenceChecks fence_checks;
  SnapshotSightings snapshots;

 private:
  void check(Host& host);
  // Of the replica that `raft` has among the voters.
  std::optional<KeptQuorum> kept_of(const raft::RaftNode& raft, int voter);
  void check_partitions(Host& host);
  void check_isr(Host& host);
  void check_fences(Host& host);
  void follow_damage();
  // The newest that a running node has; null when none runs.
  metadata::ImagePtr newest_image();
  void check_equal();

  int damaged_ = 0;  // The node that has lost unsynced data; 0: none.
  bool is_damage_noticed_ = false;
};

}  // namespace penstock::sim
