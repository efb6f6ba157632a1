// What the answers of the metadata quorum's calls have in common.
#pragma once

#include <cstdint>
#include <utility>

#include "broker/handlers/handler.h"

namespace penstock::handlers {

// The leader's endpoint is told from version `since` on; an older answer has no place for it.
template <typename Response>
Response for_version(const RequestContext& context, Response response, std::int16_t since = 1) {
  if (context.api_version < since) response.node_endpoints.clear();
  return response;
}

}  // namespace penstock::handlers
