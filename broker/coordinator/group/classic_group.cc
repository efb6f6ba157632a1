#include "broker/coordinator/group/classic_group.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "broker/coordinator/group/consumer_protocol.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

std::string_view group_state_name(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
  }
  return "Unknown";
}

base::ByteSpan GroupMember::metadata_of(std::string_view protocol) const {
  for (const GroupProtocol& candidate : protocols)
    if (candidate.name == protocol) return candidate.metadata;
  return {};
}

void ClassicGroup::restore(GroupState state, std::int32_t generation,
                           std::optional<std::string> protocol_type, std::optional<std::string> protocol_name,
                           std::optional<std::string> leader, std::int64_t state_timestamp_ms) {
  state_ = state;
  generation_ = generation;
  protocol_type_ = std::move(protocol_type);
  protocol_name_ = std::move(protocol_name);
  leader_ = std::move(leader);
  state_timestamp_ms_ = state_timestamp_ms;
}

GroupMember* ClassicGroup::member(std::string_view member_id) {
  const auto found = members_.find(member_id);
  return found == members_.end() ? nullptr : &found->second;
}

const std::string* ClassicGroup::static_member_id(const std::string& instance_id) const {
  const auto found = static_members_.find(instance_id);
  return found == static_members_.end() ? nullptr : &found->second;
}

std::int32_t ClassicGroup::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout_ms);
  return longest;
}

void ClassicGroup::count_protocols(const GroupMember& member, int by) {
  // A name that is listed twice counts once, as in the set of names that Kafka keeps.
  std::set<std::string_view> names;
  for (const GroupProtocol& protocol : member.protocols) names.insert(protocol.name);
  for (const std::string_view name : names) {
    std::size_t& count = supported_protocols_[std::string(name)];
    count += static_cast<std::size_t>(by);
    if (count == 0) supported_protocols_.erase(std::string(name));
  }
}

GroupMember& ClassicGroup::add(GroupMember member, std::string protocol_type) {
  if (member.group_instance_id) {
    BASE_ASSERT(!static_members_.contains(*member.group_instance_id), "an instance id joins twice");
    static_members_[*member.group_instance_id] = member.member_id;
  }
  if (members_.empty()) protocol_type_ = std::move(protocol_type);
  if (!leader_) leader_ = member.member_id;
  pending_members.erase(member.member_id);
  count_protocols(member, 1);
  if (member.awaiting_join) ++awaiting_join_count_;
  const std::string member_id = member.member_id;
  return members_.insert_or_assign(member_id, std::move(member)).first->second;
}

void ClassicGroup::remove(std::string_view member_id) {
  const std::string id(member_id);
  if (const auto found = members_.find(id); found != members_.end()) {
    count_protocols(found->second, -1);
    if (found->second.awaiting_join) --awaiting_join_count_;
    if (found->second.group_instance_id) static_members_.erase(*found->second.group_instance_id);
    members_.erase(found);
  }
  if (is_leader(id)) {
    leader_.reset();
    if (!members_.empty()) leader_ = members_.begin()->first;
  }
  pending_members.erase(id);
  pending_sync_members.erase(id);
}

void ClassicGroup::set_protocols(GroupMember& member, std::vector<GroupProtocol> protocols) {
  count_protocols(member, -1);
  member.protocols = std::move(protocols);
  count_protocols(member, 1);
}

void ClassicGroup::set_awaiting_join(GroupMember& member, std::optional<RequestId> request) {
  if (member.awaiting_join) --awaiting_join_count_;
  member.awaiting_join = request;
  if (member.awaiting_join) ++awaiting_join_count_;
}

GroupMember& ClassicGroup::replace_static_member(const std::string& instance_id,
                                                 const std::string& old_member_id,
                                                 const std::string& new_member_id) {
  auto node = members_.extract(old_member_id);
  BASE_ASSERT(!node.empty(), "a static member is replaced that does not exist");
  node.key() = new_member_id;
  GroupMember& member = node.mapped();
  BASE_ASSERT(!member.awaiting_join && !member.awaiting_sync, "a replaced member still waits");
  member.member_id = new_member_id;
  member.is_new = false;
  if (is_leader(old_member_id)) leader_ = new_member_id;
  static_members_[instance_id] = new_member_id;
  if (pending_sync_members.erase(old_member_id) > 0) pending_sync_members.insert(new_member_id);
  return members_.insert(std::move(node)).position->second;
}

bool ClassicGroup::elect_joined_leader() {
  if (!leader_) return false;
  const GroupMember* current = member(*leader_);
  if (current != nullptr && current->awaiting_join) return true;
  for (const auto& [id, candidate] : members_) {
    if (!candidate.awaiting_join) continue;
    leader_ = id;
    return true;
  }
  return false;
}

bool ClassicGroup::supports_protocols(std::string_view protocol_type,
                                      const std::vector<GroupProtocol>& protocols) const {
  if (is(GroupState::kEmpty)) return !protocol_type.empty() && !protocols.empty();
  if (protocol_type_ != protocol_type) return false;
  return std::ranges::any_of(protocols, [this](const GroupProtocol& protocol) {
    const auto found = supported_protocols_.find(protocol.name);
    return (found == supported_protocols_.end() ? 0 : found->second) == members_.size();
  });
}

std::string ClassicGroup::select_protocol() const {
  BASE_ASSERT(!members_.empty(), "an empty group selects a protocol");
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, member] : members_) {
    for (const GroupProtocol& protocol : member.protocols) {
      const auto found = supported_protocols_.find(protocol.name);
      if (found == supported_protocols_.end() || found->second != members_.size()) continue;
      ++votes[protocol.name];
      break;
    }
  }
  BASE_ASSERT(!votes.empty(), "members of a group have no protocol in common");
  const auto most = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return std::string(most->first);
}

ErrorCode ClassicGroup::validate_member(std::string_view member_id,
                                        const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const std::string* existing = static_member_id(*instance_id);
    if (existing == nullptr) return ErrorCode::kUnknownMemberId;
    if (*existing != member_id) return ErrorCode::kFencedInstanceId;
  }
  return has_member(member_id) ? ErrorCode::kNone : ErrorCode::kUnknownMemberId;
}

ErrorCode ClassicGroup::validate_offset_commit(std::string_view member_id,
                                               const std::optional<std::string>& instance_id,
                                               std::int32_t generation) const {
  // Generation -1 comes from admin clients and from consumers that assign partitions to themselves.
  if (generation < 0 && is(GroupState::kEmpty)) return ErrorCode::kNone;
  if (generation >= 0 || !member_id.empty() || instance_id) {
    if (const ErrorCode error = validate_member(member_id, instance_id); error != ErrorCode::kNone)
      return error;
    if (generation != generation_) return ErrorCode::kIllegalGeneration;
  } else if (!is(GroupState::kEmpty)) {
    return ErrorCode::kUnknownMemberId;
  }
  return is(GroupState::kCompletingRebalance) ? ErrorCode::kRebalanceInProgress : ErrorCode::kNone;
}

void ClassicGroup::transition_to(GroupState state, std::int64_t now_wall_ms) {
  previous_state_ = state_;
  state_ = state;
  state_timestamp_ms_ = now_wall_ms;
}

void ClassicGroup::begin_next_generation(std::int64_t now_wall_ms) {
  // Wraps to 0: a negative generation means "none" on the wire.
  generation_ = generation_ == INT32_MAX ? 0 : generation_ + 1;
  if (members_.empty()) {
    protocol_name_.reset();
    transition_to(GroupState::kEmpty, now_wall_ms);
  } else {
    protocol_name_ = select_protocol();
    transition_to(GroupState::kCompletingRebalance, now_wall_ms);
  }
  recompute_subscribed();
  pending_sync_members.clear();
}

bool ClassicGroup::is_subscribed_to(const std::string& topic) const {
  return subscribed_ ? subscribed_->contains(topic) : uses_consumer_protocol();
}

void ClassicGroup::recompute_subscribed() {
  subscribed_.reset();
  if (!uses_consumer_protocol()) return;
  std::set<std::string> topics;
  for (const auto& [id, member] : members_) {
    if (!protocol_name_) return;
    auto of_member = subscribed_topics(member.metadata_of(*protocol_name_));
    if (!of_member) return;
    topics.merge(*of_member);
  }
  subscribed_ = std::move(topics);
}

}  // namespace penstock::coordinator
