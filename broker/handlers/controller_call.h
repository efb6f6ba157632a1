// What the APIs have in common that one right on the cluster allows and the controller answers.
#pragma once

#include <utility>

#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

template <typename Response>
Response refuse_on_cluster() {
  Response refused;
  const auto code = kafka::ErrorCode::kClusterAuthorizationFailed;
  refused.error_code = kafka::to_wire(code);
  if constexpr (requires { refused.error_message = std::string(); }) {
    refused.error_message = std::string(kafka::error_message(code));
  }
  return refused;
}

// `ask` is the controller's method for the request. The context is the caller's until the task ends.
template <typename Request, typename Response, security::Operation operation, auto ask>
aio::Task<Response> ask_controller(RequestContext& context, Request request) {
  if (!may_on_cluster(context, operation)) co_return refuse_on_cluster<Response>();
  co_return co_await (context.services.controller->*ask)(context.reactor, std::move(request));
}

}  // namespace penstock::handlers
