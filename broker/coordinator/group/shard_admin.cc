// DescribeGroups, ListGroups and DeleteGroups.
#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "broker/coordinator/group/group_shard.h"
#include "kafka/messages/delete_groups_request.h"
#include "kafka/messages/describe_groups_request.h"
#include "kafka/messages/describe_groups_response.h"
#include "kafka/messages/list_groups_request.h"
#include "kafka/messages/list_groups_response.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

constexpr std::int16_t kFirstVersionWithGroupIdNotFound = 6;
constexpr std::string_view kGroupType = "classic";

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isspace(static_cast<unsigned char>(c)) == 0)
      out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return out;
}

bool passes(const std::vector<std::string>& filter, std::string_view value) {
  if (filter.empty()) return true;
  return std::ranges::any_of(filter,
                             [value](const std::string& allowed) { return lower(allowed) == lower(value); });
}

}  // namespace

kafka::DescribeGroupsResponse GroupShard::describe(const GroupCaller& caller,
                                                   const kafka::DescribeGroupsRequest& request) const {
  kafka::DescribeGroupsResponse response;
  for (const std::string& group_id : request.groups) {
    auto& described = response.groups.emplace_back();
    described.group_id = group_id;
    const ClassicGroup* found = group(group_id);
    if (found == nullptr) {
      described.group_state = "Dead";
      if (caller.version >= kFirstVersionWithGroupIdNotFound) {
        described.error_code = kafka::to_wire(ErrorCode::kGroupIdNotFound);
        described.error_message = fmt::format("Group {} not found.", group_id);
      }
      continue;
    }
    const bool is_stable = found->is(GroupState::kStable);
    described.group_state = group_state_name(found->state());
    described.protocol_type = found->protocol_type().value_or("");
    if (is_stable) described.protocol_data = found->protocol_name().value_or("");
    for (const auto& [member_id, member] : found->members()) {
      auto& listed = described.members.emplace_back();
      listed.member_id = member_id;
      listed.group_instance_id = member.group_instance_id;
      listed.client_id = member.client_id;
      listed.client_host = member.client_host;
      listed.member_assignment = member.assignment;
      if (!is_stable) continue;
      const base::ByteSpan metadata = member.metadata_of(described.protocol_data);
      listed.member_metadata.assign(metadata.begin(), metadata.end());
    }
  }
  return response;
}

kafka::ListGroupsResponse GroupShard::list(const kafka::ListGroupsRequest& request) const {
  kafka::ListGroupsResponse response;
  if (!passes(request.types_filter, kGroupType)) return response;
  for (const auto& [group_id, group] : groups_) {
    if (!passes(request.states_filter, group_state_name(group.state()))) continue;
    auto& listed = response.groups.emplace_back();
    listed.group_id = group_id;
    listed.protocol_type = group.protocol_type().value_or("");
    listed.group_state = group_state_name(group.state());
    listed.group_type = kGroupType;
  }
  return response;
}

void GroupShard::delete_groups(RequestId id, const kafka::DeleteGroupsRequest& request, Now now) {
  kafka::DeleteGroupsResponse response;
  std::vector<CoordinatorRecord> records;
  std::set<std::string> seen;
  for (const std::string& group_id : request.groups_names) {
    if (!seen.insert(group_id).second) continue;
    auto& result = response.results.emplace_back();
    result.group_id = group_id;
    const ClassicGroup* group = find(group_id);
    if (group == nullptr) {
      result.error_code = kafka::to_wire(ErrorCode::kGroupIdNotFound);
    } else if (!group->is(GroupState::kEmpty)) {
      result.error_code = kafka::to_wire(ErrorCode::kNonEmptyGroup);
    } else {
      std::set<std::pair<std::string, std::int32_t>> gone;
      for (const auto& [key, value] : offsets_.of_group(group_id, OffsetStore::View::kLatest)) {
        gone.emplace(key.topic, key.partition);
        records.push_back(offset_tombstone(key));
      }
      for (const auto& [producer, open] : open_transactions_)
        for (const OffsetRecord& record : open)
          if (record.key.group_id == group_id && gone.emplace(record.key.topic, record.key.partition).second)
            records.push_back(offset_tombstone(record.key));
      records.push_back(group_tombstone(group_id));
    }
  }
  write_tombstones(std::move(records), now,
                   [this, id, response = std::move(response)](ErrorCode error, Now) mutable {
                     for (auto& result : response.results)
                       if (error != ErrorCode::kNone && result.error_code == 0)
                         result.error_code = kafka::to_wire(error);
                     answer(id, std::move(response));
                   });
}

}  // namespace penstock::coordinator
