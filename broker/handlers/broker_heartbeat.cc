// BrokerHeartbeat: a broker lives, wants to serve or wants to stop.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/broker_heartbeat_request.h"
#include "kafka/messages/broker_heartbeat_response.h"

namespace penstock::handlers {

using kafka::BrokerHeartbeatRequest;
using kafka::BrokerHeartbeatResponse;

extern const Handler broker_heartbeat_handler = on_controller_listener(
    make_handler<
        BrokerHeartbeatRequest, BrokerHeartbeatResponse,
        ask_controller<BrokerHeartbeatRequest, BrokerHeartbeatResponse, security::Operation::kClusterAction,
                       &metadata::ControllerApi::broker_heartbeat>>());

}  // namespace penstock::handlers
