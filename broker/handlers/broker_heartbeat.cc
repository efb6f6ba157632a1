// BrokerHeartbeat: a broker lives, wants to serve or wants to stop.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/broker_heartbeat_request.h"
#include "kafka/messages/broker_heartbeat_response.h"

namespace penstock::handlers {

namespace {

using kafka::BrokerHeartbeatRequest;
using kafka::BrokerHeartbeatResponse;

aio::Task<BrokerHeartbeatResponse> handle(RequestContext& context, BrokerHeartbeatRequest request) {
  if (auto refused = refuse_unless_cluster_action<BrokerHeartbeatResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->broker_heartbeat(context.reactor, std::move(request));
}

}  // namespace

extern const Handler broker_heartbeat_handler =
    on_controller_listener(make_handler<BrokerHeartbeatRequest, BrokerHeartbeatResponse, handle>());

}  // namespace penstock::handlers
