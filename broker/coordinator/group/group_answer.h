// What a shard hands to its shell: a response for a request that waits.
//
// Threads: values.
#pragma once

#include <string>
#include <variant>

#include "broker/coordinator/group/classic_group.h"
#include "kafka/messages/delete_groups_response.h"
#include "kafka/messages/heartbeat_response.h"
#include "kafka/messages/join_group_response.h"
#include "kafka/messages/leave_group_response.h"
#include "kafka/messages/offset_commit_response.h"
#include "kafka/messages/offset_delete_response.h"
#include "kafka/messages/offset_fetch_response.h"
#include "kafka/messages/sync_group_response.h"

namespace penstock::coordinator {

using GroupResponse =
    std::variant<kafka::JoinGroupResponse, kafka::SyncGroupResponse, kafka::HeartbeatResponse,
                 kafka::LeaveGroupResponse, kafka::OffsetCommitResponse, kafka::OffsetFetchResponse,
                 kafka::OffsetDeleteResponse, kafka::DeleteGroupsResponse>;

struct GroupAnswer {
  RequestId id;
  GroupResponse response;
};

// An answer of nothing but an error.
inline kafka::JoinGroupResponse join_error(std::string member_id, kafka::ErrorCode error) {
  kafka::JoinGroupResponse response;
  response.member_id = std::move(member_id);
  response.error_code = kafka::to_wire(error);
  return response;
}
inline kafka::SyncGroupResponse sync_error(kafka::ErrorCode error) {
  kafka::SyncGroupResponse response;
  response.error_code = kafka::to_wire(error);
  return response;
}

}  // namespace penstock::coordinator
