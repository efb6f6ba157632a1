// Static members (KIP-345): a restarted client takes over its instance id under a new member id, if possible
// without a rebalance.
#include <utility>

#include "broker/coordinator/group/group_shard.h"
#include "kafka/messages/join_group_request.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

// From this version on a leader can be told to keep the assignment (KIP-814).
constexpr std::int16_t kFirstVersionWithSkipAssignment = 9;

std::vector<GroupProtocol> take_protocols(kafka::JoinGroupRequest& request) {
  std::vector<GroupProtocol> protocols;
  for (auto& protocol : request.protocols)
    protocols.push_back({std::move(protocol.name), std::move(protocol.metadata)});
  return protocols;
}

}  // namespace

void GroupShard::rejoin_static(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                               const std::string& old_member_id, const std::string& new_member_id,
                               ClassicGroup& group, Now now) {
  const std::string leader_before = group.leader().value_or("");
  GroupMember& old_member = *group.member(old_member_id);
  // Whoever still waits under the old id is a second process with the same instance id.
  kafka::JoinGroupResponse fenced = join_error(old_member_id, ErrorCode::kFencedInstanceId);
  fenced.protocol_name.reset();
  answer_join(group, old_member, std::move(fenced));
  answer_sync(old_member, sync_error(ErrorCode::kFencedInstanceId));
  const GroupMember before = old_member;

  cancel_deadline(DeadlineKind::kSession, group.group_id(), old_member_id);
  GroupMember& member = group.replace_static_member(*request.group_instance_id, old_member_id, new_member_id);
  restart_session(group, member, now);
  group.set_protocols(member, take_protocols(request));
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  group.set_awaiting_join(member, id);

  if (group.is(GroupState::kStable)) {
    if (group.protocol_name() == group.select_protocol()) {
      store_replaced_member(caller, group, before, new_member_id, leader_before, now);
    } else {
      rebalance_or_complete_join(group, now);
    }
  } else if (group.is(GroupState::kCompletingRebalance)) {
    // The leader may already assign to the old member id.
    prepare_rebalance(group, now);
  } else {
    maybe_complete_join(group, now);
  }
}

void GroupShard::store_replaced_member(const GroupCaller& caller, ClassicGroup& group,
                                       const GroupMember& before, const std::string& new_member_id,
                                       const std::string& leader_before, Now now) {
  std::map<std::string, base::Bytes> assignments;
  for (const auto& [member_id, member] : group.members()) assignments[member_id] = member.assignment;
  auto finish = [this, group_id = group.group_id(), new_member_id, leader_before, version = caller.version](
                    ErrorCode error, Now) {
    ClassicGroup* found = find(group_id);
    GroupMember* member = found == nullptr ? nullptr : found->member(new_member_id);
    // Meanwhile a rebalance may have begun, which answers it.
    if (member == nullptr || !member->awaiting_join || !found->is(GroupState::kStable)) return;
    if (error == ErrorCode::kNone) {
      const RequestId request = *member->awaiting_join;
      found->set_awaiting_join(*member, std::nullopt);
      answer_current_generation(request, *found, *member);
      auto& response = std::get<kafka::JoinGroupResponse>(answers_.back().response);
      if (version >= kFirstVersionWithSkipAssignment) {
        response.skip_assignment = found->is_leader(new_member_id);
      } else {
        // An old client must not think that it leads, for it would assign anew.
        response.leader = leader_before;
        response.members.clear();
      }
      return;
    }
    kafka::JoinGroupResponse response = join_error({}, error);
    response.generation_id = found->generation();
    response.protocol_type = found->protocol_type();
    response.protocol_name = found->protocol_name();
    response.leader = leader_before;
    answer_join(*found, *member, std::move(response));
  };
  const ErrorCode error =
      write({group_record(group.group_id(), stored_value(group, assignments))}, now, std::move(finish));
  // Once it is in the log the change stands, even if the answer comes too late.
  if (error != ErrorCode::kNone) restore_replaced_member(group, before, new_member_id, now);
}

void GroupShard::restore_replaced_member(ClassicGroup& group, const GroupMember& before,
                                         const std::string& new_member_id, Now now) {
  GroupMember& member = *group.member(new_member_id);
  group.set_protocols(member, before.protocols);
  member.rebalance_timeout_ms = before.rebalance_timeout_ms;
  member.session_timeout_ms = before.session_timeout_ms;
  cancel_deadline(DeadlineKind::kSession, group.group_id(), new_member_id);
  restart_session(
      group, group.replace_static_member(*before.group_instance_id, new_member_id, before.member_id), now);
}

}  // namespace penstock::coordinator
