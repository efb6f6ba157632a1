// BrokerRegistration: a broker comes to the active controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/broker_registration_request.h"
#include "kafka/messages/broker_registration_response.h"

namespace penstock::handlers {

using kafka::BrokerRegistrationRequest;
using kafka::BrokerRegistrationResponse;

extern const Handler broker_registration_handler = on_controller_listener(
    make_handler<
        BrokerRegistrationRequest, BrokerRegistrationResponse,
        ask_controller<BrokerRegistrationRequest, BrokerRegistrationResponse,
                       security::Operation::kClusterAction, &metadata::ControllerApi::register_broker>>());

}  // namespace penstock::handlers
