#include "broker/coordinator/group/group_errors.h"

namespace penstock::coordinator {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

template <typename Response>
Response only_error(ErrorCode error) {
  Response response;
  response.error_code = to_wire(error);
  return response;
}

}  // namespace

kafka::JoinGroupResponse error_response(const kafka::JoinGroupRequest& request, ErrorCode error) {
  auto response = only_error<kafka::JoinGroupResponse>(error);
  response.member_id = request.member_id;
  return response;
}

kafka::SyncGroupResponse error_response(const kafka::SyncGroupRequest&, ErrorCode error) {
  return only_error<kafka::SyncGroupResponse>(error);
}

kafka::HeartbeatResponse error_response(const kafka::HeartbeatRequest&, ErrorCode error) {
  return only_error<kafka::HeartbeatResponse>(
      error == ErrorCode::kCoordinatorLoadInProgress ? ErrorCode::kNone : error);
}

kafka::LeaveGroupResponse error_response(const kafka::LeaveGroupRequest&, ErrorCode error) {
  return only_error<kafka::LeaveGroupResponse>(error);
}

kafka::OffsetCommitResponse error_response(const kafka::OffsetCommitRequest& request, ErrorCode error) {
  kafka::OffsetCommitResponse response;
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    answered.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& result = answered.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = to_wire(error);
    }
  }
  return response;
}

kafka::OffsetFetchResponse error_response(const kafka::OffsetFetchRequest& request, ErrorCode error) {
  kafka::OffsetFetchResponse response;
  for (const auto& group : request.groups) {
    auto& answered = response.groups.emplace_back();
    answered.group_id = group.group_id;
    answered.error_code = to_wire(error);
  }
  return response;
}

kafka::OffsetDeleteResponse error_response(const kafka::OffsetDeleteRequest&, ErrorCode error) {
  return only_error<kafka::OffsetDeleteResponse>(error);
}

kafka::DescribeGroupsResponse error_response(const kafka::DescribeGroupsRequest& request, ErrorCode error) {
  kafka::DescribeGroupsResponse response;
  for (const std::string& group_id : request.groups) {
    auto& answered = response.groups.emplace_back();
    answered.group_id = group_id;
    answered.error_code = to_wire(error);
  }
  return response;
}

kafka::ListGroupsResponse error_response(const kafka::ListGroupsRequest&, ErrorCode error) {
  return only_error<kafka::ListGroupsResponse>(error);
}

kafka::DeleteGroupsResponse error_response(const kafka::DeleteGroupsRequest& request, ErrorCode error) {
  kafka::DeleteGroupsResponse response;
  for (const std::string& group_id : request.groups_names) {
    auto& answered = response.results.emplace_back();
    answered.group_id = group_id;
    answered.error_code = to_wire(error);
  }
  return response;
}

}  // namespace penstock::coordinator
