// ControllerRegistration: a controller makes itself known to the active one.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/controller_registration_request.h"
#include "kafka/messages/controller_registration_response.h"

namespace penstock::handlers {

namespace {

using kafka::ControllerRegistrationRequest;
using kafka::ControllerRegistrationResponse;

aio::Task<ControllerRegistrationResponse> handle(RequestContext& context,
                                                 ControllerRegistrationRequest request) {
  if (auto refused = refuse_unless_cluster_action<ControllerRegistrationResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->register_controller(context.reactor, std::move(request));
}

}  // namespace

extern const Handler controller_registration_handler = on_controller_listener(
    make_handler<ControllerRegistrationRequest, ControllerRegistrationResponse, handle>());

}  // namespace penstock::handlers
