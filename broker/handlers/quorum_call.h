// What the calls among the nodes of the metadata quorum have in common: brokers and controllers alone may
// make them, and this node's member of the quorum answers.
#pragma once

#include <cstdint>
#include <utility>

#include "broker/handlers/access.h"
#include "broker/handlers/handler.h"
#include "broker/raft/quorum_service.h"

namespace penstock::handlers {

// `ask` is the service's method for the request. The leader's endpoint is told from version `since` on; an
// older answer has no place for it. The context is the caller's until the task ends.
template <typename Request, typename Response, auto ask, std::int16_t since = 1>
aio::Task<Response> ask_quorum(RequestContext& context, Request request) {
  if (auto refused = refuse_unless_cluster_action<Response>(context)) co_return std::move(*refused);
  Response response = co_await (context.services.quorum->*ask)(context.reactor, std::move(request));
  if (context.api_version < since) response.node_endpoints.clear();
  co_return response;
}

}  // namespace penstock::handlers
