// UnregisterBroker: forgets a broker that will not come back; asked of the controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/unregister_broker_request.h"
#include "kafka/messages/unregister_broker_response.h"

namespace penstock::handlers {

extern const Handler unregister_broker_handler = on_both_listeners(
    make_handler<kafka::UnregisterBrokerRequest, kafka::UnregisterBrokerResponse,
                 ask_controller<kafka::UnregisterBrokerRequest, kafka::UnregisterBrokerResponse,
                                security::Operation::kAlter, &metadata::ControllerApi::unregister_broker>>());

}  // namespace penstock::handlers
