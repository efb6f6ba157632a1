// ElectLeaders: gives leadership to preferred replicas, or to any live one; asked of the controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/elect_leaders_request.h"
#include "kafka/messages/elect_leaders_response.h"

namespace penstock::handlers {

extern const Handler elect_leaders_handler = on_both_listeners(
    make_handler<kafka::ElectLeadersRequest, kafka::ElectLeadersResponse,
                 ask_controller<kafka::ElectLeadersRequest, kafka::ElectLeadersResponse,
                                security::Operation::kAlter, &metadata::ControllerApi::elect_leaders>>());

}  // namespace penstock::handlers
