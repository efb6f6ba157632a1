// Heartbeat: a member lives.
#include "broker/handlers/group_access.h"
#include "kafka/messages/heartbeat_request.h"
#include "kafka/messages/heartbeat_response.h"

namespace penstock::handlers {

namespace {

using kafka::HeartbeatRequest;
using kafka::HeartbeatResponse;

aio::Task<HeartbeatResponse> handle(RequestContext& context, HeartbeatRequest request) {
  const auto error = check_group(context, security::Operation::kRead, request.group_id);
  if (error != kafka::ErrorCode::kNone) {
    HeartbeatResponse response;
    response.error_code = kafka::to_wire(error);
    co_return response;
  }
  co_return co_await context.services.groups->heartbeat(context.reactor, group_caller(context),
                                                        std::move(request));
}

}  // namespace

extern const Handler heartbeat_handler = make_handler<HeartbeatRequest, HeartbeatResponse, handle>();

}  // namespace penstock::handlers
