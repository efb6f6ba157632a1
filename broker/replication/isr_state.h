// Who replicates a partition and how far each has come: the rules of the high watermark, of
// min.insync.replicas and of who joins and leaves the ISR, as numbers.
//
// A change of the ISR is a proposal until the controller has agreed. Meanwhile both the old and the proposed
// members count: whichever of the two the controller has, no committed record is missing on a member.
//
// Source: Kafka's Partition (maybeIncrementLeaderHW, maybeExpandIsr, maybeShrinkIsr), KIP-497, KIP-903,
// KIP-966 (the high watermark stands below min ISR).
// Threads: values of the partition's reactor.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "broker/replication/peers.h"
#include "broker/replication/types.h"

namespace penstock::replication {

class IsrState {
 public:
  IsrState() = default;
  // A new epoch: what followers have is unknown, and the ISR has its time to show it.
  IsrState(kafka::NodeId self, const LocalReplica& replica, base::MonoTime now);
  // The controller says so: other replicas or another ISR in the same epoch. What is known of followers
  // stays, and what was proposed is decided.
  void update(kafka::NodeId self, const LocalReplica& replica);

  bool has_follower(kafka::NodeId id) const;
  // A follower of whom the leader has no complaint fetches: it has everything before fetch.offset. False when
  // it is no replica, or when an older incarnation of it speaks.
  bool on_follower_fetch(const FollowerFetch& fetch, kafka::Offset leader_end_offset, base::MonoTime now);

  std::int32_t isr_size() const { return static_cast<std::int32_t>(isr_.size()); }
  // min.insync.replicas, but never more than there are replicas.
  std::int32_t effective_min_isr(std::int32_t min_insync_replicas) const;
  bool has_enough(std::int32_t min_insync_replicas) const {
    return isr_size() >= effective_min_isr(min_insync_replicas);
  }
  // The same with those who are about to join.
  bool may_have_enough(std::int32_t min_insync_replicas) const;
  // What the high watermark may be now: the least end offset of the ISR and of the replicas about to join it.
  // nullopt while it must not move.
  std::optional<kafka::Offset> committed(kafka::Offset leader_end_offset, std::int32_t min_insync_replicas,
                                         base::MonoTime now, base::Duration lag_max,
                                         const Peers* peers) const;
  const std::vector<kafka::NodeId>& isr() const { return isr_; }

  // --- Changes ---------------------------------------------------------------------------------------------
  // What a follower must have reached to join.
  struct JoinAt {
    kafka::Offset high_watermark;
    kafka::Offset epoch_start;
  };
  // The ISR with `follower`, proposed; nullopt when it may not join or another change is under way.
  std::optional<std::vector<IsrMember>> grow(kafka::NodeId follower, JoinAt at, const Peers* peers);
  // The ISR without those that have not caught up for `lag_max`, proposed; nullopt when nobody has to go.
  std::optional<std::vector<IsrMember>> shrink(kafka::NodeId self, kafka::Offset leader_end_offset,
                                               base::MonoTime now, base::Duration lag_max,
                                               const Peers* peers);
  bool is_change_under_way() const { return proposed_.has_value(); }
  // Not decided yet.
  const std::optional<std::vector<IsrMember>>& proposed() const { return proposed_; }
  // The controller agreed.
  void settle(const std::vector<kafka::NodeId>& isr);
  // The controller refused, and has not done it.
  void withdraw();

  // For reads from the nearest replica (KIP-392): a member of the ISR that has `offset`.
  struct Reader {
    kafka::NodeId id;
    kafka::Offset end_offset;
  };
  std::vector<Reader> readers_at(kafka::Offset offset) const;
  bool is_in_sync(kafka::NodeId id) const;
  // The least log start of this replica and of the followers in service.
  kafka::Offset low_watermark(kafka::Offset own_start, const Peers* peers) const;

 private:
  struct Follower {
    kafka::NodeId id;
    kafka::Offset end_offset = kafka::kNoOffset;  // Unknown until it fetches.
    kafka::Offset log_start_offset = kafka::kNoOffset;
    kafka::BrokerEpoch epoch = kafka::kNoBrokerEpoch;  // Of the incarnation that fetches.
    bool is_in_sync = false;
    bool is_joining = false;  // Proposed.
    std::optional<base::MonoTime> caught_up_at;
    // The fetch before: who has now what the leader had then, was caught up then.
    std::optional<base::MonoTime> fetched_at;
    kafka::Offset leader_end_at_fetch = kafka::kNoOffset;
  };

  static bool is_eligible(const Follower& follower, const Peers* peers);
  static bool is_caught_up(const Follower& follower, kafka::Offset leader_end_offset, base::MonoTime now,
                           base::Duration lag_max);
  std::vector<IsrMember> propose(const std::vector<kafka::NodeId>& isr, const Peers* peers);
  void mark_members();

  std::vector<kafka::NodeId> isr_;
  std::optional<std::vector<IsrMember>> proposed_;
  std::vector<Follower> followers_;
};

}  // namespace penstock::replication
