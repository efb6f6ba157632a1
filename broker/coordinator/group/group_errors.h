// Responses to requests that did not get as far as a shard's core.
//
// Threads: pure functions.
#pragma once

#include "kafka/error_codes.h"
#include "kafka/messages/delete_groups_request.h"
#include "kafka/messages/delete_groups_response.h"
#include "kafka/messages/describe_groups_request.h"
#include "kafka/messages/describe_groups_response.h"
#include "kafka/messages/heartbeat_request.h"
#include "kafka/messages/heartbeat_response.h"
#include "kafka/messages/join_group_request.h"
#include "kafka/messages/join_group_response.h"
#include "kafka/messages/leave_group_request.h"
#include "kafka/messages/leave_group_response.h"
#include "kafka/messages/list_groups_request.h"
#include "kafka/messages/list_groups_response.h"
#include "kafka/messages/offset_commit_request.h"
#include "kafka/messages/offset_commit_response.h"
#include "kafka/messages/offset_delete_request.h"
#include "kafka/messages/offset_delete_response.h"
#include "kafka/messages/offset_fetch_request.h"
#include "kafka/messages/offset_fetch_response.h"
#include "kafka/messages/sync_group_request.h"
#include "kafka/messages/sync_group_response.h"

namespace penstock::coordinator {

kafka::JoinGroupResponse error_response(const kafka::JoinGroupRequest& request, kafka::ErrorCode error);
kafka::SyncGroupResponse error_response(const kafka::SyncGroupRequest& request, kafka::ErrorCode error);
// While its group loads, a member is believed to be alive.
kafka::HeartbeatResponse error_response(const kafka::HeartbeatRequest& request, kafka::ErrorCode error);
kafka::LeaveGroupResponse error_response(const kafka::LeaveGroupRequest& request, kafka::ErrorCode error);
kafka::OffsetCommitResponse error_response(const kafka::OffsetCommitRequest& request, kafka::ErrorCode error);
kafka::OffsetFetchResponse error_response(const kafka::OffsetFetchRequest& request, kafka::ErrorCode error);
kafka::OffsetDeleteResponse error_response(const kafka::OffsetDeleteRequest& request, kafka::ErrorCode error);
kafka::DescribeGroupsResponse error_response(const kafka::DescribeGroupsRequest& request,
                                             kafka::ErrorCode error);
kafka::ListGroupsResponse error_response(const kafka::ListGroupsRequest& request, kafka::ErrorCode error);
kafka::DeleteGroupsResponse error_response(const kafka::DeleteGroupsRequest& request, kafka::ErrorCode error);

}  // namespace penstock::coordinator
