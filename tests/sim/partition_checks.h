// What must hold of the replicas of partitions after every event, seen from inside the brokers:
//   - the high watermark of a replica never goes back during one run;
//   - what lies below the high watermarks is the same on every replica, byte by byte, for ever;
//   - whoever begins to lead has all that was committed before, as it was committed;
//   - a leader epoch has at most one leader;
//   - when a leader's high watermark moves, min.insync.replicas logs reach it.
//
// Threads: one.
// Source: the TLA+ properties NoCommittedRecordLost, LeaderCompleteness, LogMatching,
// ReplicationQuorumSuperset of kafka-tlaplus; KIP-101, KIP-966.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "broker/replication/partition.h"
#include "tests/sim/history.h"

namespace penstock::sim {

class PartitionChecks {
 public:
  PartitionChecks(History& history, int min_insync_replicas)
      : history_(history), min_insync_replicas_(min_insync_replicas) {}

  // A run of a node, looked at: begin(), look() at each of its partitions, end().
  void begin(int node, const void* run);
  void look(replication::Partition& partition);
  // `is_stopping`: replicas that it lets go of stay on its disk.
  void end(bool is_stopping);
  // What the node has said that it has may be gone, and yet be counted by a leader that has heard it.
  void lost_power(int node);
  // It is in sync again everywhere.
  void is_repaired(int node);
  // All replicas, when nothing is under way: they are equal up to their ends, which are the same.
  void expect_equal(const replication::PartitionKey& key, std::size_t replicas);

 private:
  using Key = replication::PartitionKey;

  struct Replica {
    bool is_here = false;
    bool is_looked_at = false;
    replication::Role role = replication::Role::kOffline;
    int epoch = -1;
    std::int64_t high_watermark = -1;
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::int64_t end_before_power_loss = 0;
    std::int64_t end_before_it_went = 0;  // Reassigned or deleted.
    std::int64_t compared_to = 0;
  };
  struct Log {
    std::string name;
    std::map<int, std::int64_t> committed;        // By the leader epoch that has committed up to there.
    std::map<std::int64_t, std::size_t> batches;  // Hashes of what is committed, by first offset.
    std::map<int, int> leaders;                   // By epoch.
    std::map<int, Replica> replicas;              // By node.
  };

  void look_at_leader(Log& log, Replica& replica, replication::Partition& partition, bool is_new);
  // Compares up to `end` with what others have there.
  void compare(Log& log, Replica& replica, replication::Partition& partition, std::int64_t end);
  // What every leader of `epoch` must have: what was committed in the epochs before.
  static std::int64_t committed_before(const Log& log, int epoch);
  void complain(const Log& log, const std::string& what);

  History& history_;
  const int min_insync_replicas_;
  int node_ = 0;
  std::map<Key, Log> logs_;
  std::map<int, const void*> runs_;
};

}  // namespace penstock::sim
