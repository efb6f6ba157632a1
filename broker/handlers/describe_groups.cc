// DescribeGroups: state, members and assignments of classic groups.
#include "broker/handlers/group_access.h"
#include "kafka/messages/describe_groups_request.h"
#include "kafka/messages/describe_groups_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeGroupsRequest;
using kafka::DescribeGroupsResponse;
using kafka::ErrorCode;

aio::Task<DescribeGroupsResponse> handle(RequestContext& context, DescribeGroupsRequest request) {
  DescribeGroupsResponse refusals;
  std::erase_if(request.groups, [&](const std::string& group_id) {
    const ErrorCode error = check_group(context, security::Operation::kDescribe, group_id);
    if (error == ErrorCode::kNone) return false;
    auto& refused = refusals.groups.emplace_back();
    refused.group_id = group_id;
    refused.error_code = kafka::to_wire(error);
    return true;
  });
  const bool wants_operations = request.include_authorized_operations;
  auto response = co_await context.services.groups->describe_groups(context.reactor, group_caller(context),
                                                                    std::move(request));
  for (auto& group : response.groups)
    if (wants_operations && group.error_code == 0)
      group.authorized_operations =
          authorized_operations(context, security::ResourceKind::kGroup, group.group_id);
  for (auto& group : refusals.groups) response.groups.push_back(std::move(group));
  co_return response;
}

}  // namespace

extern const Handler describe_groups_handler =
    make_handler<DescribeGroupsRequest, DescribeGroupsResponse, handle>();

}  // namespace penstock::handlers
