// DescribeConfigs: the effective configuration of topics, brokers and groups, with where it comes from.
#include <algorithm>
#include <charconv>

#include "broker/handlers/access.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/image_source.h"
#include "kafka/error_codes.h"
#include "kafka/messages/describe_configs_request.h"
#include "kafka/messages/describe_configs_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeConfigsRequest;
using kafka::DescribeConfigsResponse;
using kafka::ErrorCode;
using metadata::ResourceType;
using security::Operation;
using Wanted = DescribeConfigsRequest::DescribeConfigsResource;
using Result = DescribeConfigsResponse::DescribeConfigsResult;
using Row = DescribeConfigsResponse::DescribeConfigsResourceResult;

Row row_of(const metadata::ConfigEntry& entry, const DescribeConfigsRequest& request) {
  Row row;
  row.name = entry.name;
  row.value = entry.is_sensitive ? std::nullopt : entry.value;
  row.read_only = entry.is_read_only;
  row.config_source = static_cast<std::int8_t>(entry.source);
  row.is_sensitive = entry.is_sensitive;
  row.config_type = static_cast<std::int8_t>(entry.type);
  if (request.include_documentation) row.documentation = entry.doc;
  if (request.include_synonyms) {
    for (const metadata::ConfigSynonym& synonym : entry.synonyms) {
      row.synonyms.push_back({.name = synonym.name,
                              .value = entry.is_sensitive ? std::nullopt : synonym.value,
                              .source = static_cast<std::int8_t>(synonym.source)});
    }
  }
  return row;
}

Result refused(const Wanted& wanted, ErrorCode error, std::string message) {
  Result result;
  result.error_code = kafka::to_wire(error);
  result.error_message = std::move(message);
  result.resource_type = wanted.resource_type;
  result.resource_name = wanted.resource_name;
  return result;
}

// The entries, or the refusal in their place.
using Entries = std::expected<std::vector<metadata::ConfigEntry>, Result>;

Entries broker_entries(const RequestContext& context, const metadata::MetadataImage& image,
                       const Wanted& wanted) {
  if (!may_on_cluster(context, Operation::kDescribeConfigs)) {
    return std::unexpected(
        refused(wanted, ErrorCode::kClusterAuthorizationFailed, "Cluster authorization failed."));
  }
  const metadata::BrokerConfigView& config = *context.services.config;
  if (wanted.resource_name.empty()) return config.describe_broker(image, std::nullopt);
  std::int32_t id = -1;
  const std::string& name = wanted.resource_name;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (code != std::errc{} || end != name.data() + name.size()) {
    return std::unexpected(
        refused(wanted, ErrorCode::kInvalidRequest, "Broker id must be an integer, but it is: " + name));
  }
  if (id != context.services.node_id) {
    return std::unexpected(refused(wanted, ErrorCode::kInvalidRequest,
                                   "Unexpected broker id, expected " +
                                       std::to_string(context.services.node_id) +
                                       " or empty string, but received " + name));
  }
  return config.describe_broker(image, kafka::NodeId(id));
}

Entries entries(const RequestContext& context, const metadata::MetadataImage& image, const Wanted& wanted) {
  switch (static_cast<ResourceType>(wanted.resource_type)) {
    case ResourceType::kTopic:
      if (!may_on_topic(context, Operation::kDescribeConfigs, wanted.resource_name)) {
        return std::unexpected(
            refused(wanted, ErrorCode::kTopicAuthorizationFailed, "Topic authorization failed."));
      }
      if (image.topic(wanted.resource_name) == nullptr) {
        return std::unexpected(refused(wanted, ErrorCode::kUnknownTopicOrPartition,
                                       "This server does not host this topic-partition."));
      }
      return context.services.config->describe_topic(image, wanted.resource_name);
    case ResourceType::kBroker:
      return broker_entries(context, image, wanted);
    case ResourceType::kGroup:
    case ResourceType::kClientMetrics:
      return context.services.config->describe_other(
          image, {static_cast<ResourceType>(wanted.resource_type), wanted.resource_name});
    case ResourceType::kBrokerLogger:
      return std::vector<metadata::ConfigEntry>{};
    case ResourceType::kUnknown:
      break;
  }
  return std::unexpected(refused(wanted, ErrorCode::kInvalidRequest,
                                 "Unsupported resource type: " + std::to_string(wanted.resource_type)));
}

aio::Task<DescribeConfigsResponse> handle(RequestContext& context, DescribeConfigsRequest request) {
  const metadata::ImagePtr image = context.services.images->current();
  DescribeConfigsResponse response;
  for (const Wanted& wanted : request.resources) {
    auto found = entries(context, *image, wanted);
    if (!found) {
      response.results.push_back(std::move(found.error()));
      continue;
    }
    Result result;
    result.resource_type = wanted.resource_type;
    result.resource_name = wanted.resource_name;
    for (const metadata::ConfigEntry& entry : *found) {
      const auto& keys = wanted.configuration_keys;
      const bool is_wanted = !keys || keys->empty() || std::ranges::find(*keys, entry.name) != keys->end();
      if (is_wanted) result.configs.push_back(row_of(entry, request));
    }
    response.results.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace

extern const Handler describe_configs_handler =
    on_both_listeners(make_handler<DescribeConfigsRequest, DescribeConfigsResponse, handle>());

}  // namespace penstock::handlers
