// A cluster of combined nodes (broker and controller) on simulated machines, with clients that read and
// write, and checks after every event.
//
// Threads: one. Lifetime: never freed, see host.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/history.h"
#include "tests/sim/host.h"
#include "tests/sim/network.h"
#include "tests/sim/raft_checks.h"

namespace penstock::sim {

struct ClusterOptions {
  int nodes = 1;
  int partitions = 2;
  int replicas = 1;
  int min_insync_replicas = 1;
  // Whether a broker syncs each append before it answers, so that nothing may be lost with the power.
  bool is_flushed = false;
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

 private:
  void check();
};

}  // namespace penstock::sim
