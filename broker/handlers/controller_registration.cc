// ControllerRegistration: a controller makes itself known to the active one.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/controller_registration_request.h"
#include "kafka/messages/controller_registration_response.h"

namespace penstock::handlers {

using kafka::ControllerRegistrationRequest;
using kafka::ControllerRegistrationResponse;

extern const Handler controller_registration_handler = on_controller_listener(
    make_handler<ControllerRegistrationRequest, ControllerRegistrationResponse,
                 ask_controller<ControllerRegistrationRequest, ControllerRegistrationResponse,
                                security::Operation::kClusterAction,
                                &metadata::ControllerApi::register_controller>>());

}  // namespace penstock::handlers
