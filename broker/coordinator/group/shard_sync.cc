// SyncGroup, Heartbeat and LeaveGroup.
#include <utility>

#include "broker/coordinator/group/group_shard.h"
#include "kafka/messages/heartbeat_request.h"
#include "kafka/messages/leave_group_request.h"
#include "kafka/messages/sync_group_request.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

bool differs(const std::optional<std::string>& asked, const std::optional<std::string>& actual) {
  return asked && actual && *asked != *actual;
}

kafka::HeartbeatResponse heartbeat_answer(ErrorCode error) {
  kafka::HeartbeatResponse response;
  response.error_code = kafka::to_wire(error);
  return response;
}

}  // namespace

ErrorCode GroupShard::check_sync(const ClassicGroup& group, const kafka::SyncGroupRequest& request) const {
  if (const ErrorCode error = group.validate_member(request.member_id, request.group_instance_id);
      error != ErrorCode::kNone)
    return error;
  if (request.generation_id != group.generation()) return ErrorCode::kIllegalGeneration;
  if (differs(request.protocol_type, group.protocol_type()) ||
      differs(request.protocol_name, group.protocol_name()))
    return ErrorCode::kInconsistentGroupProtocol;
  return ErrorCode::kNone;
}

void GroupShard::sync(RequestId id, const kafka::SyncGroupRequest& request, Now now) {
  if (request.group_id.empty()) return answer(id, sync_error(ErrorCode::kInvalidGroupId));
  ClassicGroup* group = find(request.group_id);
  if (group == nullptr || group->is(GroupState::kEmpty))
    return answer(id, sync_error(ErrorCode::kUnknownMemberId));
  if (const ErrorCode error = check_sync(*group, request); error != ErrorCode::kNone)
    return answer(id, sync_error(error));
  GroupMember& member = *group->member(request.member_id);
  switch (group->state()) {
    case GroupState::kEmpty:
    case GroupState::kPreparingRebalance:
      return answer(id, sync_error(ErrorCode::kRebalanceInProgress));
    case GroupState::kStable: {
      group->pending_sync_members.erase(request.member_id);
      kafka::SyncGroupResponse response;
      response.protocol_type = group->protocol_type();
      response.protocol_name = group->protocol_name();
      response.assignment = member.assignment;
      return answer(id, std::move(response));
    }
    case GroupState::kCompletingRebalance:
      // A client that asks again has given up on its earlier request.
      answer_sync(member, sync_error(ErrorCode::kRebalanceInProgress));
      member.awaiting_sync = id;
      group->pending_sync_members.erase(request.member_id);
      // A second assignment for one generation would leave the log with another than the members have.
      if (group->is_leader(request.member_id) && group->storing_generation != group->generation())
        store_assignment(*group, request, now);
  }
}

void GroupShard::store_assignment(ClassicGroup& group, const kafka::SyncGroupRequest& request, Now now) {
  std::map<std::string, base::Bytes> assignments;
  for (const auto& assigned : request.assignments)
    if (group.has_member(assigned.member_id)) assignments[assigned.member_id] = assigned.assignment;
  auto record = group_record(group.group_id(), stored_value(group, assignments));
  auto finish = [this, group_id = group.group_id(), generation = group.generation(),
                 assignments = std::move(assignments)](ErrorCode error, Now then) mutable {
    ClassicGroup* found = find(group_id);
    // Another member may have joined meanwhile; then the assignment is void.
    if (found == nullptr || !found->is(GroupState::kCompletingRebalance) || found->generation() != generation)
      return;
    for (auto& [member_id, member] : found->members())
      member.assignment = error == ErrorCode::kNone ? std::move(assignments[member_id]) : base::Bytes();
    propagate_assignment(*found, error, then);
    if (error == ErrorCode::kNone) {
      found->transition_to(GroupState::kStable, then.wall_ms);
    } else {
      prepare_rebalance(*found, then);
    }
  };
  group.storing_generation = group.generation();
  std::vector<CoordinatorRecord> records;
  records.push_back(std::move(record));
  write(std::move(records), now, std::move(finish));
}

void GroupShard::heartbeat(RequestId id, const kafka::HeartbeatRequest& request, Now now) {
  if (request.group_id.empty()) return answer(id, heartbeat_answer(ErrorCode::kInvalidGroupId));
  ClassicGroup* group = find(request.group_id);
  if (group == nullptr) return answer(id, heartbeat_answer(ErrorCode::kUnknownMemberId));
  ErrorCode error = group->validate_member(request.member_id, request.group_instance_id);
  if (error == ErrorCode::kNone && request.generation_id != group->generation())
    error = ErrorCode::kIllegalGeneration;
  if (error != ErrorCode::kNone) return answer(id, heartbeat_answer(error));
  restart_session(*group, *group->member(request.member_id), now);
  answer(id, heartbeat_answer(group->is(GroupState::kPreparingRebalance) ? ErrorCode::kRebalanceInProgress
                                                                         : ErrorCode::kNone));
}

void GroupShard::leave(RequestId id, const kafka::LeaveGroupRequest& request, Now now) {
  kafka::LeaveGroupResponse response;
  if (request.group_id.empty()) {
    response.error_code = kafka::to_wire(ErrorCode::kInvalidGroupId);
    return answer(id, std::move(response));
  }
  ClassicGroup* group = find(request.group_id);
  bool has_any_left = false;
  for (const auto& leaving : request.members) {
    ErrorCode error = ErrorCode::kUnknownMemberId;
    if (group != nullptr) {
      std::string member_id = leaving.member_id;
      const std::string* static_id =
          leaving.group_instance_id ? group->static_member_id(*leaving.group_instance_id) : nullptr;
      // An administrator removes a static member by its instance id alone.
      if (member_id.empty() && static_id != nullptr) member_id = *static_id;
      error = group->pending_members.contains(member_id)
                  ? ErrorCode::kNone
                  : group->validate_member(member_id, leaving.group_instance_id);
      if (error == ErrorCode::kNone) {
        remove_member(*group, member_id, ErrorCode::kUnknownMemberId);
        has_any_left = true;
      }
    }
    auto& result = response.members.emplace_back();
    result.member_id = leaving.member_id;
    result.group_instance_id = leaving.group_instance_id;
    result.error_code = kafka::to_wire(error);
  }
  ErrorCode error = ErrorCode::kNone;
  if (has_any_left && !group->is(GroupState::kEmpty)) error = rebalance_or_complete_join(*group, now);
  if (error != ErrorCode::kNone) {
    kafka::LeaveGroupResponse failed;
    failed.error_code = kafka::to_wire(error);
    return answer(id, std::move(failed));
  }
  write({}, now, [this, id, response = std::move(response)](ErrorCode failure, Now) mutable {
    if (failure != ErrorCode::kNone) {
      response.members.clear();
      response.error_code = kafka::to_wire(failure);
    }
    answer(id, std::move(response));
  });
}

}  // namespace penstock::coordinator
