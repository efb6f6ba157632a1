// Who replicates a partition and how far each has come: the rules of the high watermark and of
// min.insync.replicas, as numbers.
//
// Source: Kafka's Partition.maybeIncrementLeaderHW, KIP-966 (the high watermark stands below min ISR).
// Threads: values of the partition's reactor.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "broker/replication/types.h"

namespace penstock::replication {

class IsrState {
 public:
  IsrState() = default;
  // A new epoch: what followers have is unknown.
  IsrState(kafka::NodeId self, const LocalReplica& replica);
  // The same epoch with other replicas or another ISR: what is known of followers stays.
  void update(kafka::NodeId self, const LocalReplica& replica);

  // A follower has fetched from `end_offset`, so it has everything before. False when it is no replica.
  bool on_follower_fetch(kafka::NodeId follower, kafka::Offset end_offset, kafka::Offset leader_end_offset,
                         base::MonoTime now);

  std::int32_t isr_size() const { return static_cast<std::int32_t>(isr_.size()); }
  // min.insync.replicas, but never more than there are replicas.
  std::int32_t effective_min_isr(std::int32_t min_insync_replicas) const;
  bool has_enough(std::int32_t min_insync_replicas) const {
    return isr_size() >= effective_min_isr(min_insync_replicas);
  }
  // What the high watermark may be now: the least end offset of the ISR and of the replicas about to join it.
  // nullopt while it must not move.
  std::optional<kafka::Offset> committed(kafka::Offset leader_end_offset, std::int32_t min_insync_replicas,
                                         base::MonoTime now, base::Duration lag_max) const;
  const std::vector<kafka::NodeId>& isr() const { return isr_; }

 private:
  struct Follower {
    kafka::NodeId id;
    kafka::Offset end_offset = kafka::kNoOffset;  // Unknown until it fetches.
    bool is_in_sync = false;
    std::optional<base::MonoTime> caught_up_at;
  };

  bool counts(const Follower& follower, base::MonoTime now, base::Duration lag_max) const;

  std::vector<kafka::NodeId> isr_;
  std::vector<Follower> followers_;
};

}  // namespace penstock::replication
