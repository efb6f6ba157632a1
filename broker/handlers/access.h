// Short forms of "may this request do that?".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/handlers/handler.h"
#include "broker/handlers/services.h"
#include "broker/security/authorizer.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

inline bool may(const RequestContext& context, security::Operation operation, security::ResourceKind kind,
                std::string_view name) {
  return context.services.authorizer->authorize(
      {context.principal, context.client_host, operation, kind, name});
}
inline bool may_on_topic(const RequestContext& context, security::Operation operation,
                         std::string_view topic) {
  return may(context, operation, security::ResourceKind::kTopic, topic);
}
inline bool may_on_group(const RequestContext& context, security::Operation operation,
                         std::string_view group) {
  return may(context, operation, security::ResourceKind::kGroup, group);
}
inline bool may_on_cluster(const RequestContext& context, security::Operation operation) {
  return may(context, operation, security::ResourceKind::kCluster, security::kClusterResource);
}
// For what only brokers and controllers may ask.
template <typename Response>
std::optional<Response> refuse_unless_cluster_action(const RequestContext& context) {
  if (may_on_cluster(context, security::Operation::kClusterAction)) return std::nullopt;
  Response refused;
  refused.error_code = kafka::to_wire(kafka::ErrorCode::kClusterAuthorizationFailed);
  return refused;
}
inline std::int32_t authorized_operations(const RequestContext& context, security::ResourceKind kind,
                                          std::string_view name) {
  return context.services.authorizer->authorized_operations(context.principal, context.client_host, kind,
                                                            name);
}

}  // namespace penstock::handlers
