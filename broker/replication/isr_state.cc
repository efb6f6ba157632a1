#include "broker/replication/isr_state.h"

#include <algorithm>

namespace penstock::replication {

IsrState::IsrState(kafka::NodeId self, const LocalReplica& replica) : isr_(replica.isr) {
  for (const kafka::NodeId id : replica.replicas) {
    if (id == self) continue;
    followers_.push_back({.id = id,
                          .is_in_sync = std::ranges::find(replica.isr, id) != replica.isr.end(),
                          .caught_up_at = std::nullopt});
  }
}

void IsrState::update(kafka::NodeId self, const LocalReplica& replica) {
  IsrState next(self, replica);
  for (Follower& follower : next.followers_) {
    const auto known = std::ranges::find(followers_, follower.id, &Follower::id);
    if (known == followers_.end()) continue;
    follower.end_offset = known->end_offset;
    follower.caught_up_at = known->caught_up_at;
  }
  *this = std::move(next);
}

bool IsrState::on_follower_fetch(kafka::NodeId follower, kafka::Offset end_offset,
                                 kafka::Offset leader_end_offset, base::MonoTime now) {
  const auto known = std::ranges::find(followers_, follower, &Follower::id);
  if (known == followers_.end()) return false;
  known->end_offset = end_offset;
  if (end_offset >= leader_end_offset) known->caught_up_at = now;
  return true;
}

std::int32_t IsrState::effective_min_isr(std::int32_t min_insync_replicas) const {
  const auto replicas = static_cast<std::int32_t>(followers_.size()) + 1;
  return std::min(min_insync_replicas, replicas);
}

bool IsrState::counts(const Follower& follower, base::MonoTime now, base::Duration lag_max) const {
  if (follower.is_in_sync) return true;
  // One that is about to join: without it the high watermark could pass what it lacks while it joins.
  return follower.caught_up_at && now - *follower.caught_up_at <= lag_max;
}

std::optional<kafka::Offset> IsrState::committed(kafka::Offset leader_end_offset,
                                                 std::int32_t min_insync_replicas, base::MonoTime now,
                                                 base::Duration lag_max) const {
  if (!has_enough(min_insync_replicas)) return std::nullopt;
  kafka::Offset committed = leader_end_offset;
  for (const Follower& follower : followers_) {
    if (counts(follower, now, lag_max)) committed = std::min(committed, follower.end_offset);
  }
  return committed;
}

}  // namespace penstock::replication
