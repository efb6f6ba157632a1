// DeleteGroups: empty groups and all their offsets (KIP-229).
#include "broker/handlers/group_access.h"
#include "kafka/messages/delete_groups_request.h"
#include "kafka/messages/delete_groups_response.h"

namespace penstock::handlers {

namespace {

using kafka::DeleteGroupsRequest;
using kafka::DeleteGroupsResponse;
using kafka::ErrorCode;

aio::Task<DeleteGroupsResponse> handle(RequestContext& context, DeleteGroupsRequest request) {
  DeleteGroupsResponse refusals;
  std::erase_if(request.groups_names, [&](const std::string& group_id) {
    const ErrorCode error = check_group(context, security::Operation::kDelete, group_id);
    if (error == ErrorCode::kNone) return false;
    auto& refused = refusals.results.emplace_back();
    refused.group_id = group_id;
    refused.error_code = kafka::to_wire(error);
    return true;
  });
  auto response = co_await context.services.groups->delete_groups(context.reactor, group_caller(context),
                                                                  std::move(request));
  for (auto& result : refusals.results) response.results.push_back(std::move(result));
  co_return response;
}

}  // namespace

extern const Handler delete_groups_handler =
    make_handler<DeleteGroupsRequest, DeleteGroupsResponse, handle>();

}  // namespace penstock::handlers
