// What the handlers of the group APIs share.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "broker/coordinator/group/group_coordinators.h"
#include "broker/handlers/access.h"
#include "broker/handlers/handler.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

inline coordinator::GroupCaller group_caller(const RequestContext& context) {
  return {context.client_id.value_or(""), context.client_host, context.api_version};
}

// None when the request may do `operation` to the group.
inline kafka::ErrorCode check_group(const RequestContext& context, security::Operation operation,
                                    std::string_view group_id) {
  return may_on_group(context, operation, group_id) ? kafka::ErrorCode::kNone
                                                    : kafka::ErrorCode::kGroupAuthorizationFailed;
}

// For what the group's members may ask.
template <typename Response>
std::optional<Response> refuse_unless_member(const RequestContext& context, std::string_view group_id) {
  const auto error = check_group(context, security::Operation::kRead, group_id);
  if (error == kafka::ErrorCode::kNone) return std::nullopt;
  Response refused;
  refused.error_code = kafka::to_wire(error);
  return refused;
}

// `ask` is the coordinators' method for the request. The context is the caller's until the task ends.
template <typename Request, typename Response, auto ask>
aio::Task<Response> ask_group(RequestContext& context, Request request) {
  if (auto refused = refuse_unless_member<Response>(context, request.group_id)) co_return std::move(*refused);
  co_return co_await (context.services.groups->*ask)(context.reactor, group_caller(context),
                                                     std::move(request));
}

}  // namespace penstock::handlers
