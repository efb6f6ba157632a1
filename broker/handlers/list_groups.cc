// ListGroups: the groups that this broker coordinates, as far as the asker may see them.
#include "broker/handlers/group_access.h"
#include "kafka/messages/list_groups_request.h"
#include "kafka/messages/list_groups_response.h"

namespace penstock::handlers {

namespace {

using kafka::ListGroupsRequest;
using kafka::ListGroupsResponse;

aio::Task<ListGroupsResponse> handle(RequestContext& context, ListGroupsRequest request) {
  auto response = co_await context.services.groups->list_groups(context.reactor, group_caller(context),
                                                                std::move(request));
  if (may_on_cluster(context, security::Operation::kDescribe)) co_return response;
  std::erase_if(response.groups, [&](const auto& group) {
    return !may_on_group(context, security::Operation::kDescribe, group.group_id);
  });
  co_return response;
}

}  // namespace

extern const Handler list_groups_handler = make_handler<ListGroupsRequest, ListGroupsResponse, handle>();

}  // namespace penstock::handlers
