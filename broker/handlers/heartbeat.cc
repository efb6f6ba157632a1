// Heartbeat: a member lives.
#include "broker/handlers/group_access.h"
#include "kafka/messages/heartbeat_request.h"
#include "kafka/messages/heartbeat_response.h"

namespace penstock::handlers {

using kafka::HeartbeatRequest;
using kafka::HeartbeatResponse;

extern const Handler heartbeat_handler = make_handler<
    HeartbeatRequest, HeartbeatResponse,
    ask_group<HeartbeatRequest, HeartbeatResponse, &coordinator::GroupCoordinators::heartbeat>>();

}  // namespace penstock::handlers
