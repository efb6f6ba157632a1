#include "broker/replication/isr_state.h"

#include <algorithm>

namespace penstock::replication {

using kafka::NodeId;
using kafka::Offset;

namespace {
bool contains(const std::vector<NodeId>& ids, NodeId id) { return std::ranges::find(ids, id) != ids.end(); }
bool contains(const std::vector<IsrMember>& members, NodeId id) {
  return std::ranges::find(members, id, &IsrMember::id) != members.end();
}
}  // namespace

IsrState::IsrState(NodeId self, const LocalReplica& replica, base::MonoTime now) : isr_(replica.isr) {
  for (const NodeId id : replica.replicas) {
    if (id == self) continue;
    Follower& follower = followers_.emplace_back(Follower{.id = id});
    if (contains(isr_, id)) follower.caught_up_at = now;
  }
  mark_members();
}

void IsrState::update(NodeId self, const LocalReplica& replica) {
  std::vector<Follower> next;
  for (const NodeId id : replica.replicas) {
    if (id == self) continue;
    const auto known = std::ranges::find(followers_, id, &Follower::id);
    next.push_back(known == followers_.end() ? Follower{.id = id} : *known);
  }
  followers_ = std::move(next);
  isr_ = replica.isr;
  proposed_.reset();
  mark_members();
}

void IsrState::mark_members() {
  for (Follower& follower : followers_) {
    follower.is_in_sync = contains(isr_, follower.id);
    follower.is_joining = proposed_ && contains(*proposed_, follower.id);
  }
}

bool IsrState::has_follower(NodeId id) const {
  return std::ranges::find(followers_, id, &Follower::id) != followers_.end();
}

bool IsrState::on_follower_fetch(const FollowerFetch& fetch, Offset leader_end_offset, base::MonoTime now) {
  const auto known = std::ranges::find(followers_, fetch.node, &Follower::id);
  if (known == followers_.end()) return false;
  Follower& follower = *known;
  if (fetch.epoch < follower.epoch) return false;
  if (fetch.offset >= leader_end_offset) {
    follower.caught_up_at = now;
  } else if (follower.fetched_at && fetch.offset >= follower.leader_end_at_fetch) {
    follower.caught_up_at =
        std::max(follower.caught_up_at.value_or(*follower.fetched_at), *follower.fetched_at);
  }
  follower.epoch = fetch.epoch;
  follower.end_offset = fetch.offset;
  follower.log_start_offset = fetch.log_start_offset;
  follower.fetched_at = now;
  follower.leader_end_at_fetch = leader_end_offset;
  return true;
}

std::int32_t IsrState::effective_min_isr(std::int32_t min_insync_replicas) const {
  const auto replicas = static_cast<std::int32_t>(followers_.size()) + 1;
  return std::min(min_insync_replicas, replicas);
}

bool IsrState::may_have_enough(std::int32_t min_insync_replicas) const {
  const std::size_t size = proposed_ ? std::max(proposed_->size(), isr_.size()) : isr_.size();
  return static_cast<std::int32_t>(size) >= effective_min_isr(min_insync_replicas);
}

bool IsrState::is_eligible(const Follower& follower, const Peers* peers) {
  const Peer* peer = peers == nullptr ? nullptr : peers->find(follower.id);
  return peer != nullptr && peer->is_active && peer->epoch == follower.epoch;
}

bool IsrState::is_caught_up(const Follower& follower, Offset leader_end_offset, base::MonoTime now,
                            base::Duration lag_max) {
  if (follower.end_offset == leader_end_offset) return true;
  return follower.caught_up_at && now - *follower.caught_up_at <= lag_max;
}

std::optional<Offset> IsrState::committed(Offset leader_end_offset, std::int32_t min_insync_replicas,
                                          base::MonoTime now, base::Duration lag_max,
                                          const Peers* peers) const {
  if (!has_enough(min_insync_replicas)) return std::nullopt;
  Offset committed = leader_end_offset;
  for (const Follower& follower : followers_) {
    if (follower.end_offset >= committed) continue;
    // One that is about to join: without it the high watermark could pass what it lacks while it joins, and
    // it would never be in sync.
    const bool counts =
        follower.is_in_sync || follower.is_joining ||
        (is_caught_up(follower, leader_end_offset, now, lag_max) && is_eligible(follower, peers));
    if (counts) committed = follower.end_offset;
  }
  return committed;
}

std::optional<std::vector<IsrMember>> IsrState::grow(NodeId id, JoinAt at, const Peers* peers) {
  if (proposed_) return std::nullopt;
  const auto known = std::ranges::find(followers_, id, &Follower::id);
  if (known == followers_.end() || known->is_in_sync || !is_eligible(*known, peers)) return std::nullopt;
  if (known->end_offset < at.high_watermark || known->end_offset < at.epoch_start) return std::nullopt;
  std::vector<NodeId> isr = isr_;
  isr.push_back(id);
  return propose(isr, peers);
}

std::optional<std::vector<IsrMember>> IsrState::shrink(NodeId self, Offset leader_end_offset,
                                                       base::MonoTime now, base::Duration lag_max,
                                                       const Peers* peers) {
  if (proposed_ || isr_.size() <= 1) return std::nullopt;
  std::vector<NodeId> isr;
  for (const NodeId id : isr_) {
    const auto known = std::ranges::find(followers_, id, &Follower::id);
    const bool stays =
        id == self || (known != followers_.end() && is_caught_up(*known, leader_end_offset, now, lag_max));
    if (stays) isr.push_back(id);
  }
  if (isr.size() == isr_.size()) return std::nullopt;
  return propose(isr, peers);
}

std::vector<IsrMember> IsrState::propose(const std::vector<NodeId>& isr, const Peers* peers) {
  std::vector<IsrMember> members;
  members.reserve(isr.size());
  for (const NodeId id : isr) {
    IsrMember& member = members.emplace_back(IsrMember{.id = id});
    const auto known = std::ranges::find(followers_, id, &Follower::id);
    if (known == followers_.end()) continue;  // This broker: who sends the proposal knows its epoch.
    const Peer* peer = peers == nullptr ? nullptr : peers->find(id);
    member.epoch = known->epoch;
    if (member.epoch == kafka::kNoBrokerEpoch && peer != nullptr) member.epoch = peer->epoch;
  }
  proposed_ = members;
  mark_members();
  return members;
}

void IsrState::settle(const std::vector<NodeId>& isr) {
  isr_ = isr;
  proposed_.reset();
  mark_members();
}

void IsrState::withdraw() {
  proposed_.reset();
  mark_members();
}

bool IsrState::is_in_sync(NodeId id) const { return contains(isr_, id); }

Offset IsrState::low_watermark(Offset own_start, const Peers* peers) const {
  Offset low = own_start;
  for (const Follower& follower : followers_) {
    const Peer* peer = peers == nullptr ? nullptr : peers->find(follower.id);
    if (peer != nullptr && peer->is_active) low = std::min(low, follower.log_start_offset);
  }
  return low;
}

std::vector<IsrState::Reader> IsrState::readers_at(Offset offset) const {
  std::vector<Reader> readers;
  for (const Follower& follower : followers_) {
    if (follower.is_in_sync && follower.log_start_offset <= offset && offset <= follower.end_offset) {
      readers.push_back({follower.id, follower.end_offset});
    }
  }
  return readers;
}

}  // namespace penstock::replication
