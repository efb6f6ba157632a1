// AlterConfigs: replaces all configs of a resource. Deprecated, still used by old tools; asked of the
// controller.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image.h"
#include "kafka/error_codes.h"
#include "kafka/messages/alter_configs_request.h"
#include "kafka/messages/alter_configs_response.h"

namespace penstock::handlers {

namespace {

using kafka::AlterConfigsRequest;
using kafka::AlterConfigsResponse;
using kafka::ErrorCode;
using security::Operation;

using Resource = AlterConfigsRequest::AlterConfigsResource;

bool may_alter(const RequestContext& context, const Resource& resource) {
  const auto type = static_cast<metadata::ResourceType>(resource.resource_type);
  if (type == metadata::ResourceType::kTopic)
    return may_on_topic(context, Operation::kAlterConfigs, resource.resource_name);
  if (type == metadata::ResourceType::kGroup)
    return may_on_group(context, Operation::kAlterConfigs, resource.resource_name);
  return may_on_cluster(context, Operation::kAlterConfigs);
}

aio::Task<AlterConfigsResponse> handle(RequestContext& context, AlterConfigsRequest request) {
  AlterConfigsResponse refused;
  std::erase_if(request.resources, [&](const Resource& resource) {
    if (may_alter(context, resource)) return false;
    AlterConfigsResponse::AlterConfigsResourceResponse result;
    const bool is_topic = resource.resource_type == static_cast<std::int8_t>(metadata::ResourceType::kTopic);
    const ErrorCode error =
        is_topic ? ErrorCode::kTopicAuthorizationFailed : ErrorCode::kClusterAuthorizationFailed;
    result.error_code = kafka::to_wire(error);
    result.error_message = std::string(kafka::error_message(error));
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    refused.responses.push_back(std::move(result));
    return true;
  });
  if (request.resources.empty()) co_return refused;
  AlterConfigsResponse response =
      co_await context.services.controller->alter_configs(context.reactor, std::move(request));
  for (auto& result : refused.responses) response.responses.push_back(std::move(result));
  co_return response;
}

}  // namespace

extern const Handler alter_configs_handler =
    make_handler<AlterConfigsRequest, AlterConfigsResponse, handle>();

}  // namespace penstock::handlers
