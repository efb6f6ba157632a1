#include "tests/sim/isr_checks.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace penstock::sim {

using replication::IsrMember;
using replication::Role;

namespace {

// A leader that does nothing for so long is paused.
constexpr auto kPause = base::seconds(1);

bool has(const std::vector<std::int32_t>& ids, int id) { return std::ranges::find(ids, id) != ids.end(); }

const IsrMember* member(const std::vector<IsrMember>& isr, int id) {
  const auto found = std::ranges::find(isr, kafka::NodeId(id), &IsrMember::id);
  return found == isr.end() ? nullptr : &*found;
}

}  // namespace

void IsrChecks::look(const ReplicaView& view, base::MonoTime now) {
  Partition& partition = partitions_[view.key];
  if (partition.name.empty()) partition.name = view.name;
  Replica& replica = partition.replicas[view.node];
  const bool is_new =
      replica.run != view.run || replica.role != view.role || replica.leader_epoch != view.leader_epoch;
  if (is_new) replica = {.run = view.run, .role = view.role, .leader_epoch = view.leader_epoch};
  replica.end = view.end;
  replica.high_watermark = view.high_watermark;
  if (view.role == Role::kFollower && view.broker_epoch >= 0) {
    std::int64_t& end =
        partition.followed.try_emplace({view.broker_epoch, view.leader_epoch}, -1).first->second;
    end = std::max(end, view.end);
  }
  if (view.role != Role::kLeader) return;
  look_at_leader(partition, replica, view);
  check_progress(partition, replica, view, now);
}

void IsrChecks::look_at_leader(Partition& partition, Replica& replica, const ReplicaView& view) {
  std::set<int> counted;
  for (const kafka::NodeId id : view.isr->isr()) counted.insert(id.value());
  if (const auto& proposed = view.isr->proposed()) {
    for (const IsrMember& each : *proposed) counted.insert(each.id.value());
    auto& all = partition.proposals;
    if (!all.empty() && all.back().leader_epoch < view.leader_epoch) all.clear();
    const bool is_known = std::ranges::any_of(all, [&](const Proposal& known) {
      return known.leader_epoch == view.leader_epoch && known.partition_epoch == view.partition_epoch &&
             known.isr == *proposed;
    });
    if (!is_known) all.push_back({view.leader_epoch, view.partition_epoch, *proposed});
  }
  if (counted == replica.counted) return;
  replica.counted = std::move(counted);
  const auto* state = image_ ? image_->partition(view.key.topic_id, view.key.partition) : nullptr;
  if (state != nullptr) check_counted(partition, *state);
}

void IsrChecks::check_counted(const Partition& partition, const metadata::Partition& state) {
  const auto leader = partition.replicas.find(state.leader);
  if (leader == partition.replicas.end()) return;
  const Replica& replica = leader->second;
  if (replica.role != Role::kLeader || replica.leader_epoch != state.leader_epoch) return;
  for (const int id : state.isr) {
    if (replica.counted.contains(id)) continue;
    history_.violation(fmt::format("{}: {} leads epoch {} and counts {}, not {}, which is in sync",
                                   partition.name, state.leader, state.leader_epoch, replica.counted, id));
  }
}

// Looked at are only those that come no further at all: what is just slow is the leader's to judge.
void IsrChecks::check_progress(const Partition& partition, Replica& replica, const ReplicaView& view,
                               base::MonoTime now) {
  const bool was_paused = now - std::exchange(replica.looked_at, now) > kPause;
  std::map<int, Replica::Follower> followers;
  for (const kafka::NodeId id : view.isr->isr()) {
    if (id.value() == view.node) continue;
    const auto other = partition.replicas.find(id.value());
    const std::int64_t end = other == partition.replicas.end() ? 0 : other->second.end;
    const auto known = replica.followers.find(id.value());
    const bool is_moving = known == replica.followers.end() || was_paused || known->second.end != end ||
                           end >= view.end || view.isr->is_change_under_way();
    followers[id.value()] = {.end = end, .moved_at = is_moving ? now : known->second.moved_at};
    // Looked for every half of the limit, by a clock that may be wrong by a twentieth.
    const base::Duration limit = view.lag_max * 3 / 2 * 11 / 10 + base::seconds(1);
    if (now - followers[id.value()].moved_at <= limit) continue;
    history_.violation(fmt::format("{} on node {}: {} has been at {} for more than {} ms, and stays in sync",
                                   partition.name, view.node, id.value(), end,
                                   std::chrono::duration_cast<base::milliseconds>(limit).count()));
    followers[id.value()].moved_at = now;
  }
  replica.followers = std::move(followers);
}

void IsrChecks::look_at(const metadata::ImagePtr& image) {
  if (image_ && image->last_offset() <= image_->last_offset()) return;
  const metadata::ImagePtr before = std::exchange(image_, image);
  if (!before) return;
  for (auto& [key, partition] : partitions_) {
    const auto* was = before->partition(key.topic_id, key.partition);
    const auto* is = image->partition(key.topic_id, key.partition);
    if (was == nullptr || is == nullptr || was->partition_epoch == is->partition_epoch) continue;
    check_counted(partition, *is);
    // A new leader epoch is the controller's own decision.
    if (was->leader != is->leader || was->leader_epoch != is->leader_epoch) continue;
    const Change change{*before, *image, *was, *is};
    for (const int id : is->isr) {
      if (!has(was->isr, id)) check_joined(partition, change, id);
    }
    for (const int id : was->isr) {
      if (!has(is->isr, id)) check_left(partition, change, id);
    }
  }
}

void IsrChecks::check_joined(const Partition& partition, const Change& change, int node) {
  const auto* broker = change.new_image.broker(kafka::NodeId(node));
  const std::int64_t broker_epoch = broker == nullptr ? -1 : broker->epoch.value();
  const int leader_epoch = change.after.leader_epoch;
  const bool is_proposed = std::ranges::any_of(partition.proposals, [&](const Proposal& proposal) {
    const IsrMember* proposed = member(proposal.isr, node);
    return proposal.leader_epoch == leader_epoch &&
           proposal.partition_epoch >= change.before.partition_epoch &&
           proposal.partition_epoch < change.after.partition_epoch && proposed != nullptr &&
           proposed->epoch.value() == broker_epoch;
  });
  if (!is_proposed) {
    history_.violation(
        fmt::format("{}: {} joins the ISR {} in partition epoch {} and was not proposed on {} "
                    "with its broker epoch {}",
                    partition.name, node, change.before.isr, change.after.partition_epoch,
                    change.before.partition_epoch, broker_epoch));
  }
  const auto leader = partition.replicas.find(change.after.leader);
  if (leader == partition.replicas.end() || leader->second.leader_epoch != leader_epoch) return;
  const auto followed = partition.followed.find({broker_epoch, leader_epoch});
  const std::int64_t end = followed == partition.followed.end() ? -1 : followed->second;
  if (end >= leader->second.high_watermark) return;
  history_.violation(
      fmt::format("{}: {} joins the ISR {}, and this incarnation of it has followed up to {}, below the high "
                  "watermark {}",
                  partition.name, node, change.before.isr, end, leader->second.high_watermark));
}

void IsrChecks::check_left(const Partition& partition, const Change& change, int node) {
  const kafka::NodeId id(node);
  const auto* broker = change.new_image.broker(id);
  const auto* old = change.old_image.broker(id);
  const bool is_in_service =
      broker != nullptr && old != nullptr && broker->is_active() && broker->epoch == old->epoch;
  const bool is_same_replica = change.before.has_replica(id) && change.after.has_replica(id) &&
                               change.before.directory_of(id) == change.after.directory_of(id);
  if (!is_in_service || !is_same_replica) return;
  const bool is_proposed = std::ranges::any_of(partition.proposals, [&](const Proposal& proposal) {
    return proposal.leader_epoch == change.after.leader_epoch &&
           proposal.partition_epoch >= change.before.partition_epoch &&
           proposal.partition_epoch < change.after.partition_epoch && member(proposal.isr, node) == nullptr;
  });
  if (is_proposed) return;
  history_.violation(fmt::format(
      "{}: {} is in service and leaves the ISR {} in partition epoch {}; nobody proposed it on {}",
      partition.name, node, change.before.isr, change.after.partition_epoch, change.before.partition_epoch));
}

}  // namespace penstock::sim
