// SyncGroup: the leader hands in the assignment, each member takes its own.
#include "broker/handlers/group_access.h"
#include "kafka/messages/sync_group_request.h"
#include "kafka/messages/sync_group_response.h"

namespace penstock::handlers {

namespace {

using kafka::SyncGroupRequest;
using kafka::SyncGroupResponse;

aio::Task<SyncGroupResponse> handle(RequestContext& context, SyncGroupRequest request) {
  const auto error = check_group(context, security::Operation::kRead, request.group_id);
  if (error != kafka::ErrorCode::kNone) {
    SyncGroupResponse response;
    response.error_code = kafka::to_wire(error);
    co_return response;
  }
  co_return co_await context.services.groups->sync_group(context.reactor, group_caller(context),
                                                         std::move(request));
}

}  // namespace

extern const Handler sync_group_handler = make_handler<SyncGroupRequest, SyncGroupResponse, handle>();

}  // namespace penstock::handlers
