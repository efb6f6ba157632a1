// UpdateFeatures: finalizes other feature levels; asked of the controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/update_features_request.h"
#include "kafka/messages/update_features_response.h"

namespace penstock::handlers {

namespace {

using kafka::UpdateFeaturesRequest;
using kafka::UpdateFeaturesResponse;

constexpr std::int8_t kSafeDowngrade = 2;

aio::Task<UpdateFeaturesResponse> handle(RequestContext& context, UpdateFeaturesRequest request) {
  if (!may_on_cluster(context, security::Operation::kAlter)) {
    co_return refuse_on_cluster<UpdateFeaturesResponse>();
  }
  // Version 0 says it with a flag.
  for (auto& update : request.feature_updates) {
    if (context.api_version == 0 && update.allow_downgrade) update.upgrade_type = kSafeDowngrade;
  }
  auto response = co_await context.services.controller->update_features(context.reactor, std::move(request));
  // From version 2 on there is only the answer for all of them.
  if (context.api_version >= 2) response.results.clear();
  co_return response;
}

}  // namespace

extern const Handler update_features_handler =
    on_both_listeners(make_handler<UpdateFeaturesRequest, UpdateFeaturesResponse, handle>());

}  // namespace penstock::handlers
