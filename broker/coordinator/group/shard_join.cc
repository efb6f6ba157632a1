// JoinGroup: who may join, as whom, and whether that starts a rebalance.
#include <utility>

#include "base/assert.h"
#include "broker/coordinator/group/group_shard.h"
#include "kafka/messages/join_group_request.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

// From this version on a dynamic member must come back with the id that it was given (KIP-394), so that a
// client that gave up waiting leaves no ghost behind.
constexpr std::int16_t kFirstVersionWithRequiredMemberId = 4;

std::vector<GroupProtocol> protocols_of(kafka::JoinGroupRequest& request) {
  std::vector<GroupProtocol> protocols;
  protocols.reserve(request.protocols.size());
  for (auto& protocol : request.protocols)
    protocols.push_back({std::move(protocol.name), std::move(protocol.metadata)});
  return protocols;
}

std::vector<GroupProtocol> protocol_names_of(const kafka::JoinGroupRequest& request) {
  std::vector<GroupProtocol> protocols;
  protocols.reserve(request.protocols.size());
  for (const auto& protocol : request.protocols) protocols.push_back({protocol.name, {}});
  return protocols;
}

bool has_same_protocols(const GroupMember& member, const kafka::JoinGroupRequest& request) {
  if (member.protocols.size() != request.protocols.size()) return false;
  for (std::size_t i = 0; i < member.protocols.size(); ++i) {
    if (member.protocols[i].name != request.protocols[i].name) return false;
    if (member.protocols[i].metadata != request.protocols[i].metadata) return false;
  }
  return true;
}

}  // namespace

ErrorCode GroupShard::check_join(const kafka::JoinGroupRequest& request) const {
  if (request.group_id.empty()) return ErrorCode::kInvalidGroupId;
  if (request.session_timeout_ms < config_.group_min_session_timeout_ms() ||
      request.session_timeout_ms > config_.group_max_session_timeout_ms())
    return ErrorCode::kInvalidSessionTimeout;
  std::size_t metadata_bytes = 0;
  for (const auto& protocol : request.protocols)
    metadata_bytes += protocol.name.size() + protocol.metadata.size();
  if (request.protocols.size() > kProtocolsMax || metadata_bytes > kMemberMetadataBytesMax)
    return ErrorCode::kInvalidRequest;
  return ErrorCode::kNone;
}

void GroupShard::join(RequestId id, const GroupCaller& caller, const std::string& member_id_suffix,
                      kafka::JoinGroupRequest request, Now now) {
  // Version 0 has no rebalance timeout of its own.
  if (caller.version == 0) request.rebalance_timeout_ms = request.session_timeout_ms;
  if (const ErrorCode error = check_join(request); error != ErrorCode::kNone)
    return answer(id, join_error(request.member_id, error));

  const bool is_unknown = request.member_id.empty();
  ClassicGroup* group = find(request.group_id);
  if (group == nullptr) {
    if (!is_unknown) return answer(id, join_error(request.member_id, ErrorCode::kUnknownMemberId));
    if (request.protocol_type.empty() || request.protocols.empty())
      return answer(id, join_error({}, ErrorCode::kInconsistentGroupProtocol));
    ErrorCode error = ErrorCode::kNone;
    group = create_group(request.group_id, now, error);
    if (group == nullptr) return answer(id, join_error({}, error));
  }
  if (!accepts_joining(*group, request.member_id)) {
    remove_member(*group, request.member_id, ErrorCode::kGroupMaxSizeReached);
    return answer(id, join_error({}, ErrorCode::kGroupMaxSizeReached));
  }
  if (!group->supports_protocols(request.protocol_type, protocol_names_of(request)))
    return answer(id, join_error(request.member_id, ErrorCode::kInconsistentGroupProtocol));
  if (is_unknown) {
    join_new(id, caller, member_id_suffix, request, *group, now);
  } else {
    join_existing(id, caller, request, *group, now);
  }
}

bool GroupShard::accepts_joining(ClassicGroup& group, const std::string& member_id) {
  const auto size_max = static_cast<std::size_t>(config_.group_max_size());
  const GroupMember* member = group.member(member_id);
  switch (group.state()) {
    case GroupState::kEmpty:
      return true;
    case GroupState::kPreparingRebalance:
      // Counts those who wait, not the members: a group that is over a limit that was lowered sheds whoever
      // comes back last.
      return (member != nullptr && member->awaiting_join) || group.awaiting_join_count() < size_max;
    case GroupState::kCompletingRebalance:
    case GroupState::kStable:
      return member != nullptr || group.members().size() < size_max;
  }
  return false;
}

ClassicGroup* GroupShard::create_group(const std::string& group_id, Now now, ErrorCode& error) {
  if (groups_.size() >= kGroupsMax) {
    error = ErrorCode::kCoordinatorNotAvailable;
    return nullptr;
  }
  const ClassicGroup fresh(group_id, now.wall_ms);
  error = write({group_record(group_id, stored_value(fresh, {}))}, now, nullptr);
  if (error != ErrorCode::kNone) return nullptr;
  return &groups_.emplace(group_id, fresh).first->second;
}

void GroupShard::join_new(RequestId id, const GroupCaller& caller, const std::string& suffix,
                          kafka::JoinGroupRequest& request, ClassicGroup& group, Now now) {
  if (request.group_instance_id) {
    const std::string member_id = *request.group_instance_id + "-" + suffix;
    if (const std::string* existing = group.static_member_id(*request.group_instance_id)) {
      const std::string old_member_id = *existing;
      rejoin_static(id, caller, request, old_member_id, member_id, group, now);
    } else {
      add_member(id, caller, request, member_id, group, now);
    }
    return;
  }
  const std::string member_id = caller.client_id + "-" + suffix;
  if (caller.version < kFirstVersionWithRequiredMemberId)
    return add_member(id, caller, request, member_id, group, now);
  if (group.pending_members.size() >= kPendingMembersMax)
    return answer(id, join_error({}, ErrorCode::kGroupMaxSizeReached));
  group.pending_members.insert(member_id);
  set_deadline(DeadlineKind::kSession, group.group_id(), member_id, request.session_timeout_ms, now);
  answer(id, join_error(member_id, ErrorCode::kMemberIdRequired));
}

void GroupShard::join_existing(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                               ClassicGroup& group, Now now) {
  const std::string member_id = request.member_id;
  if (group.pending_members.contains(member_id)) {
    // Ids are given out to dynamic members only.
    if (request.group_instance_id) return answer(id, join_error(member_id, ErrorCode::kUnknownMemberId));
    return add_member(id, caller, request, member_id, group, now);
  }
  if (const ErrorCode error = group.validate_member(member_id, request.group_instance_id);
      error != ErrorCode::kNone) {
    kafka::JoinGroupResponse response = join_error(member_id, error);
    response.protocol_name.reset();
    return answer(id, std::move(response));
  }
  GroupMember& member = *group.member(member_id);
  const bool is_unchanged = has_same_protocols(member, request);
  switch (group.state()) {
    case GroupState::kPreparingRebalance:
      return update_member(id, request, group, member, now);
    case GroupState::kCompletingRebalance:
      // It may have missed our answer.
      if (is_unchanged) return answer_current_generation(id, group, member);
      return update_member(id, request, group, member, now);
    case GroupState::kStable:
      // The leader rejoins to force a rebalance, for instance when a topic has got more partitions.
      if (is_unchanged && !group.is_leader(member_id)) return answer_current_generation(id, group, member);
      return update_member(id, request, group, member, now);
    case GroupState::kEmpty:
      break;
  }
  answer(id, join_error(member_id, ErrorCode::kUnknownMemberId));
}

void GroupShard::add_member(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                            const std::string& member_id, ClassicGroup& group, Now now) {
  GroupMember member;
  member.member_id = member_id;
  member.group_instance_id = request.group_instance_id;
  member.client_id = caller.client_id;
  member.client_host = "/" + caller.client_host;  // As Java prints an address.
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  member.protocols = protocols_of(request);
  member.is_new = true;
  member.awaiting_join = id;
  if (group.is(GroupState::kPreparingRebalance) && group.previous_state() == GroupState::kEmpty)
    group.is_new_member_added = true;
  group.add(std::move(member), request.protocol_type);
  set_deadline(DeadlineKind::kSession, group.group_id(), member_id, kNewMemberJoinTimeoutMs, now);
  rebalance_or_complete_join(group, now);
}

void GroupShard::update_member(RequestId id, kafka::JoinGroupRequest& request, ClassicGroup& group,
                               GroupMember& member, Now now) {
  // A client that sends JoinGroup again has given up on its earlier one.
  if (member.awaiting_join)
    answer_join(group, member, join_error(member.member_id, ErrorCode::kRebalanceInProgress));
  group.set_protocols(member, protocols_of(request));
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  group.set_awaiting_join(member, id);
  rebalance_or_complete_join(group, now);
}

void GroupShard::answer_current_generation(RequestId id, const ClassicGroup& group,
                                           const GroupMember& member) {
  kafka::JoinGroupResponse response;
  response.member_id = member.member_id;
  response.generation_id = group.generation();
  response.protocol_type = group.protocol_type();
  response.protocol_name = group.protocol_name();
  response.leader = group.leader().value_or("");
  // The leader needs to know whom to give partitions to.
  if (group.is_leader(member.member_id)) {
    for (const auto& [member_id, other] : group.members()) {
      auto& listed = response.members.emplace_back();
      listed.member_id = member_id;
      listed.group_instance_id = other.group_instance_id;
      const base::ByteSpan metadata = other.metadata_of(group.protocol_name().value_or(""));
      listed.metadata.assign(metadata.begin(), metadata.end());
    }
  }
  answer(id, std::move(response));
}

}  // namespace penstock::coordinator
