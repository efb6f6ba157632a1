// What must hold of the in-sync replicas, between what leaders count and what the controller has:
//   - of the epoch that it leads, a leader counts everybody whom the controller has in sync;
//   - who joins was proposed by the leader on the very state that is changed, as the incarnation that is
//     registered, and that incarnation has followed in this epoch up to what is committed;
//   - who leaves was proposed to, or is not in service;
//   - a replica that comes no further leaves in time.
//
// Threads: one.
// Source: KIP-497 (a leader counts the largest ISR that may be), KIP-903, KIP-966; ValidControllerMaximalIsr
// of kafka-tlaplus; Kafka's replica.lag.time.max.ms.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "broker/metadata/image.h"
#include "broker/replication/isr_state.h"
#include "tests/sim/history.h"

namespace penstock::sim {

// A replica as it is now.
struct ReplicaView {
  replication::PartitionKey key{};
  std::string name{};
  int node = 0;
  const void* run = nullptr;
  std::int64_t broker_epoch = -1;  // Of this run; -1 before it is registered.
  replication::Role role = replication::Role::kOffline;
  int leader_epoch = -1;
  int partition_epoch = -1;
  std::int64_t end = 0;
  std::int64_t high_watermark = 0;
  base::Duration lag_max{};
  const replication::IsrState* isr = nullptr;
};

class IsrChecks {
 public:
  explicit IsrChecks(History& history) : history_(history) {}
  void look(const ReplicaView& view, base::MonoTime now);
  void look_at(const metadata::ImagePtr& image);

 private:
  using Key = replication::PartitionKey;
  struct Replica {
    const void* run = nullptr;
    replication::Role role = replication::Role::kOffline;
    int leader_epoch = -1;
    std::int64_t end = 0;
    std::int64_t high_watermark = 0;
    // Of a leader.
    std::set<int> counted{};  // In sync, or proposed.
    base::MonoTime looked_at{};
    struct Follower {
      std::int64_t end = -1;
      base::MonoTime moved_at{};
    };
    std::map<int, Follower> followers{};  // Those in sync.
  };
  struct Proposal {
    int leader_epoch = -1;
    int partition_epoch = -1;
    std::vector<replication::IsrMember> isr{};
  };
  struct Partition {
    std::string name{};
    std::map<int, Replica> replicas{};
    std::vector<Proposal> proposals{};  // Of the newest leader epoch.
    // How far an incarnation, by its broker epoch, has come while it followed in a leader epoch.
    std::map<std::pair<std::int64_t, int>, std::int64_t> followed{};
  };
  void look_at_leader(Partition& partition, Replica& replica, const ReplicaView& view);
  void check_progress(const Partition& partition, Replica& replica, const ReplicaView& view,
                      base::MonoTime now);
  void check_counted(const Partition& partition, const metadata::Partition& state);
  // What one controller's decision, or more, have made of a partition.
  struct Change {
    const metadata::MetadataImage& old_image;
    const metadata::MetadataImage& new_image;
    const metadata::Partition& before;
    const metadata::Partition& after;
  };
  void check_joined(const Partition& partition, const Change& change, int node);
  void check_left(const Partition& partition, const Change& change, int node);

  History& history_;
  std::map<Key, Partition> partitions_;
  metadata::ImagePtr image_;  // The newest.
};

}  // namespace penstock::sim
