// What AlterConfigs and IncrementalAlterConfigs have in common: resources that the principal may not alter
// are refused here, the rest is asked of the controller.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "broker/handlers/access.h"
#include "broker/handlers/ask_controller.h"
#include "broker/metadata/image.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

// None when the principal may alter the configs of the resource.
inline kafka::ErrorCode check_alter_configs(const RequestContext& context, std::int8_t resource_type,
                                            const std::string& resource_name) {
  using kafka::ErrorCode;
  using security::Operation;
  switch (static_cast<metadata::ResourceType>(resource_type)) {
    case metadata::ResourceType::kTopic:
      if (may_on_topic(context, Operation::kAlterConfigs, resource_name)) return ErrorCode::kNone;
      return ErrorCode::kTopicAuthorizationFailed;
    case metadata::ResourceType::kGroup:
      if (may_on_group(context, Operation::kAlterConfigs, resource_name)) return ErrorCode::kNone;
      return ErrorCode::kGroupAuthorizationFailed;
    default:
      if (may_on_cluster(context, Operation::kAlterConfigs)) return ErrorCode::kNone;
      return ErrorCode::kClusterAuthorizationFailed;
  }
}

// `ask` is the controller's method for the request. The context is the caller's until the task ends.
template <typename Request, typename Response, auto ask>
aio::Task<Response> alter_resources(RequestContext& context, Request request) {
  using Result = typename Response::AlterConfigsResourceResponse;
  const auto refuse = [&context](const auto& resource) -> std::optional<Result> {
    const kafka::ErrorCode error =
        check_alter_configs(context, resource.resource_type, resource.resource_name);
    if (error == kafka::ErrorCode::kNone) return std::nullopt;
    Result result;
    result.error_code = kafka::to_wire(error);
    result.error_message = std::string(kafka::error_message(error));
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    return result;
  };
  return ask_controller<ask, &Request::resources, &Response::responses>(context, std::move(request), refuse);
}

}  // namespace penstock::handlers
