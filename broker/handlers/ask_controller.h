// Requests about a list of things that the controller decides on: what is refused here is taken out first and
// its answers come behind the controller's.
#pragma once

#include <utility>
#include <vector>

#include "broker/handlers/handler.h"
#include "broker/handlers/services.h"
#include "broker/metadata/controller_api.h"

namespace penstock::handlers {

namespace internal {
template <typename Response, typename Result>
Response response_of(std::vector<Result> Response::*) {
  return {};
}
}  // namespace internal

// The controller's method `ask` takes a Request whose list is `items` and gives a Response whose list is
// `results`. refuse(item) gives the answer of an item that is not asked about. The context is the caller's
// until the task ends.
template <auto ask, auto items, auto results, typename Request, typename Refuse>
auto ask_controller(RequestContext& context, Request request, Refuse refuse)
    -> decltype((context.services.controller->*ask)(context.reactor, std::move(request))) {
  auto refused = internal::response_of(results);
  std::erase_if(request.*items, [&](const auto& item) {
    auto result = refuse(item);
    if (result) (refused.*results).push_back(std::move(*result));
    return result.has_value();
  });
  if ((request.*items).empty()) co_return refused;
  auto response = co_await (context.services.controller->*ask)(context.reactor, std::move(request));
  for (auto& result : refused.*results) (response.*results).push_back(std::move(result));
  co_return response;
}

}  // namespace penstock::handlers
