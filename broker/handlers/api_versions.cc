#include "broker/handlers/handler_table.h"
#include "broker/handlers/services.h"
#include "broker/metadata/features.h"
#include "broker/metadata/image_source.h"
#include "broker/raft/voters.h"
#include "kafka/error_codes.h"
#include "kafka/messages/api_versions_request.h"
#include "kafka/messages/api_versions_response.h"

namespace penstock::handlers {

namespace {

using kafka::ApiVersionsRequest;
using kafka::ApiVersionsResponse;

// The versions that software names may have: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? (KIP-511).
bool is_software_text(const std::string& text) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  for (const char c : text) {
    if (!is_alnum(c) && c != '-' && c != '.') return false;
  }
  return true;
}

// Old librdkafka turns compression off when it does not see Produce 0 (KAFKA-18659).
constexpr std::int16_t kProduceAdvertisedFrom = 0;

aio::Task<ApiVersionsResponse> handle(RequestContext& context, ApiVersionsRequest request) {
  ApiVersionsResponse response;
  if (context.api_version >= 3 && (!is_software_text(request.client_software_name) ||
                                   !is_software_text(request.client_software_version))) {
    response.error_code = static_cast<std::int16_t>(kafka::ErrorCode::kInvalidRequest);
    co_return response;
  }
  for (const Handler* handler : all_handlers()) {
    if (!handler->is_on(context.services.listener_kind)) continue;
    const bool is_produce = handler->key == kafka::ApiKey::kProduce;
    response.api_keys.push_back({.api_key = static_cast<std::int16_t>(handler->key),
                                 .min_version = is_produce ? kProduceAdvertisedFrom : handler->lowest_version,
                                 .max_version = handler->highest_version});
  }
  std::ranges::sort(response.api_keys, {}, [](const auto& api) { return api.api_key; });
  const metadata::ImagePtr image = context.services.images->current();
  for (const metadata::FeatureRange& feature : metadata::supported_features()) {
    // Versions below 4 cannot say "from 0" (KIP-1022): such a feature is left out for them.
    if (context.api_version < 4 && feature.min_version == 0) continue;
    response.supported_features.push_back(
        {.name = feature.name, .min_version = feature.min_version, .max_version = feature.max_version});
  }
  response.finalized_features_epoch = image->last_offset().value();
  for (const auto& [name, level] : image->features()) {
    if (level > 0)
      response.finalized_features.push_back(
          {.name = name, .max_version_level = level, .min_version_level = level});
  }
  // It is no feature record, but a control record of the metadata log, and no other level is ever opened.
  response.finalized_features.push_back({.name = std::string(metadata::kKraftVersionFeature),
                                         .max_version_level = raft::kKraftVersion,
                                         .min_version_level = raft::kKraftVersion});
  co_return response;
}

}  // namespace

extern const Handler api_versions_handler =
    on_both_listeners(make_handler<ApiVersionsRequest, ApiVersionsResponse, handle>());

}  // namespace penstock::handlers
