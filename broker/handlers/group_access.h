// What the handlers of the group APIs share.
#pragma once

#include <string_view>

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

}  // namespace penstock::handlers
