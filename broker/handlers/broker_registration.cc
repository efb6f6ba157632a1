// BrokerRegistration: a broker comes to the active controller.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/broker_registration_request.h"
#include "kafka/messages/broker_registration_response.h"

namespace penstock::handlers {

namespace {

using kafka::BrokerRegistrationRequest;
using kafka::BrokerRegistrationResponse;

aio::Task<BrokerRegistrationResponse> handle(RequestContext& context, BrokerRegistrationRequest request) {
  if (auto refused = refuse_unless_cluster_action<BrokerRegistrationResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->register_broker(context.reactor, std::move(request));
}

}  // namespace

extern const Handler broker_registration_handler =
    on_controller_listener(make_handler<BrokerRegistrationRequest, BrokerRegistrationResponse, handle>());

}  // namespace penstock::handlers
