// The phases of a rebalance and the timers that end them.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "broker/coordinator/group/group_shard.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

void GroupShard::set_deadline(DeadlineKind kind, const std::string& group_id, const std::string& member_id,
                              std::int64_t delay_ms, Now now) {
  deadlines_.set({kind, group_id, member_id},
                 now.mono + base::milliseconds(std::max<std::int64_t>(delay_ms, 0)));
}

void GroupShard::cancel_deadline(DeadlineKind kind, const std::string& group_id,
                                 const std::string& member_id) {
  deadlines_.cancel({kind, group_id, member_id});
}

void GroupShard::restart_session(const ClassicGroup& group, const GroupMember& member, Now now) {
  set_deadline(DeadlineKind::kSession, group.group_id(), member.member_id, member.session_timeout_ms, now);
}

void GroupShard::answer_join(ClassicGroup& group, GroupMember& member, kafka::JoinGroupResponse response) {
  if (!member.awaiting_join) return;
  const RequestId request = *member.awaiting_join;
  group.set_awaiting_join(member, std::nullopt);
  answer(request, std::move(response));
}

bool GroupShard::answer_sync(GroupMember& member, kafka::SyncGroupResponse response) {
  const auto request = std::exchange(member.awaiting_sync, std::nullopt);
  if (!request) return false;
  answer(*request, std::move(response));
  return true;
}

void GroupShard::remove_member(ClassicGroup& group, std::string_view member_id, ErrorCode error) {
  cancel_deadline(DeadlineKind::kSession, group.group_id(), std::string(member_id));
  if (GroupMember* member = group.member(member_id)) {
    answer_join(group, *member, join_error({}, error));
    answer_sync(*member, sync_error(ErrorCode::kUnknownMemberId));
  }
  group.remove(member_id);
}

ErrorCode GroupShard::rebalance_or_complete_join(ClassicGroup& group, Now now) {
  return group.is(GroupState::kPreparingRebalance) ? maybe_complete_join(group, now)
                                                   : prepare_rebalance(group, now);
}

ErrorCode GroupShard::prepare_rebalance(ClassicGroup& group, Now now) {
  if (group.is(GroupState::kCompletingRebalance)) {
    for (auto& [member_id, member] : group.members()) member.assignment.clear();
    propagate_assignment(group, ErrorCode::kRebalanceInProgress, now);
  }
  group.pending_sync_members.clear();
  cancel_deadline(DeadlineKind::kSync, group.group_id());
  const bool is_initial = group.is(GroupState::kEmpty);
  group.transition_to(GroupState::kPreparingRebalance, now.wall_ms);
  if (is_initial) {
    // A new group waits a little, so that members that start together share one rebalance.
    group.is_initial_delay = true;
    group.is_new_member_added = false;
    group.initial_delay_ms = config_.group_initial_rebalance_delay_ms();
    group.initial_remaining_ms =
        std::max<std::int64_t>(group.rebalance_timeout_ms() - group.initial_delay_ms, 0);
    set_deadline(DeadlineKind::kJoin, group.group_id(), {}, group.initial_delay_ms, now);
    return ErrorCode::kNone;
  }
  if (group.has_all_members_joined()) return complete_join(group, now);
  set_deadline(DeadlineKind::kJoin, group.group_id(), {}, group.rebalance_timeout_ms(), now);
  return ErrorCode::kNone;
}

void GroupShard::extend_initial_delay_or_complete(ClassicGroup& group, Now now) {
  if (!group.is_new_member_added || group.initial_remaining_ms == 0) {
    complete_join(group, now);
    return;
  }
  group.is_new_member_added = false;
  const std::int64_t delay =
      std::min<std::int64_t>(config_.group_initial_rebalance_delay_ms(), group.initial_remaining_ms);
  group.initial_remaining_ms = std::max<std::int64_t>(group.initial_remaining_ms - group.initial_delay_ms, 0);
  group.initial_delay_ms = delay;
  set_deadline(DeadlineKind::kJoin, group.group_id(), {}, delay, now);
}

ErrorCode GroupShard::maybe_complete_join(ClassicGroup& group, Now now) {
  if (!group.is(GroupState::kPreparingRebalance)) return ErrorCode::kNone;
  // The initial delay runs to its end, whoever has joined.
  if (group.previous_state() == GroupState::kEmpty) return ErrorCode::kNone;
  if (!group.has_all_members_joined()) return ErrorCode::kNone;
  return complete_join(group, now);
}

ErrorCode GroupShard::complete_join(ClassicGroup& group, Now now) {
  cancel_deadline(DeadlineKind::kJoin, group.group_id());
  group.is_initial_delay = false;
  std::vector<std::string> missing;
  for (const auto& [member_id, member] : group.members())
    if (!member.awaiting_join && !member.is_static()) missing.push_back(member_id);
  for (const std::string& member_id : missing) remove_member(group, member_id, ErrorCode::kUnknownMemberId);

  if (!group.elect_joined_leader() && !group.members().empty()) {
    // Only static members are left and none is back: wait for one, or for their sessions to end.
    set_deadline(DeadlineKind::kJoin, group.group_id(), {}, group.rebalance_timeout_ms(), now);
    return ErrorCode::kNone;
  }
  group.begin_next_generation(now.wall_ms);
  if (group.is(GroupState::kEmpty))
    return write({group_record(group.group_id(), stored_value(group, {}))}, now, nullptr);

  for (auto& [member_id, member] : group.members()) {
    if (const auto request = member.awaiting_join) {
      group.set_awaiting_join(member, std::nullopt);
      answer_current_generation(*request, group, member);
    }
    restart_session(group, member, now);
    member.is_new = false;
    group.pending_sync_members.insert(member_id);
  }
  set_deadline(DeadlineKind::kSync, group.group_id(), {}, group.rebalance_timeout_ms(), now);
  return ErrorCode::kNone;
}

void GroupShard::expire_pending_sync(ClassicGroup& group, Now now) {
  if (!group.is(GroupState::kCompletingRebalance) && !group.is(GroupState::kStable)) return;
  if (group.pending_sync_members.empty()) return;
  const auto late = group.pending_sync_members;
  for (const std::string& member_id : late) remove_member(group, member_id, ErrorCode::kUnknownMemberId);
  prepare_rebalance(group, now);
}

void GroupShard::expire_session(ClassicGroup& group, const std::string& member_id, Now now) {
  const bool is_pending = group.pending_members.contains(member_id);
  if (!is_pending) {
    const GroupMember* member = group.member(member_id);
    if (member == nullptr || member->has_satisfied_heartbeat()) return;
  }
  remove_member(group, member_id, ErrorCode::kUnknownMemberId);
  if (group.is(GroupState::kPreparingRebalance)) {
    if (group.has_all_members_joined()) complete_join(group, now);
  } else if (!is_pending && !group.is(GroupState::kEmpty)) {
    prepare_rebalance(group, now);
  }
}

void GroupShard::propagate_assignment(ClassicGroup& group, ErrorCode error, Now now) {
  for (auto& [member_id, member] : group.members()) {
    kafka::SyncGroupResponse response = sync_error(error);
    response.assignment = member.assignment;
    if (error == ErrorCode::kNone) {
      response.protocol_type = group.protocol_type();
      response.protocol_name = group.protocol_name();
    }
    // While it waited its session may have run out unnoticed; it begins anew.
    if (answer_sync(member, std::move(response))) restart_session(group, member, now);
  }
}

}  // namespace penstock::coordinator
