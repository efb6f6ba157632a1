// UpdateFeatures.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/features.h"
#include "broker/metadata/min_isr.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

enum class UpgradeType : std::int8_t { kUpgrade = 1, kSafeDowngrade = 2, kUnsafeDowngrade = 3 };

constexpr std::int16_t kKraftVersionLevel = 1;

// Why `who`, with these ranges, does not have the level; empty when it does.
std::string fault_of(const std::string& who, const std::vector<FeatureRange>& ranges, std::string_view name,
                     std::int16_t level) {
  const auto found = std::ranges::find(ranges, name, &FeatureRange::name);
  const FeatureRange range = found == ranges.end() ? FeatureRange{} : *found;
  if (range.min_version <= level && level <= range.max_version) return {};
  if (range.max_version == 0) return who + " does not support this feature.";
  if (range.min_version == range.max_version) {
    return fmt::format("{} only supports versions {}", who, range.max_version);
  }
  return fmt::format("{} only supports versions {}-{}", who, range.min_version, range.max_version);
}

std::string fault_of_any(const MetadataImage& image, kafka::NodeId self, std::string_view name,
                         std::int16_t level) {
  std::string fault = fault_of(fmt::format("Local controller {}", self), supported_features(), name, level);
  for (const auto& [id, broker] : image.brokers()) {
    if (fault.empty()) fault = fault_of(fmt::format("Broker {}", id), broker->features, name, level);
  }
  for (const auto& [id, controller] : image.controllers()) {
    if (!fault.empty() || id == self) continue;
    fault = fault_of(fmt::format("Controller {}", id), controller->features, name, level);
  }
  return fault;
}

}  // namespace

Decision<kafka::UpdateFeaturesResponse> Controller::update_features(
    const kafka::UpdateFeaturesRequest& request) const {
  Decision<kafka::UpdateFeaturesResponse> decision;
  Refused first;
  for (const auto& update : request.feature_updates) {
    const Refused refused = update_feature(update, decision.records);
    kafka::UpdateFeaturesResponse::UpdatableFeatureResult result;
    result.feature = update.feature;
    result.error_code = to_wire(refused.code);
    result.error_message.reset();
    if (refused) result.error_message = refused.message;
    if (refused && !first) first = refused;
    decision.response.results.push_back(std::move(result));
  }
  decision.response.error_message.reset();
  if (first) {  // All or nothing.
    decision.records.clear();
    decision.response.error_code = to_wire(first.code);
    decision.response.error_message =
        "The update failed for all features since the following feature had an error: " + first.message;
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

Refused Controller::update_feature(const kafka::UpdateFeaturesRequest::FeatureUpdateKey& update,
                                   Records& records) const {
  const std::int16_t level = update.max_version_level;
  const auto refuse = [&](std::string_view why) {
    return Refused{ErrorCode::kInvalidUpdateVersion,
                   fmt::format("Invalid update version {} for feature {}. {}", level, update.feature, why)};
  };
  const auto type = static_cast<UpgradeType>(update.upgrade_type);
  if (type < UpgradeType::kUpgrade || type > UpgradeType::kUnsafeDowngrade) {
    return refuse("The controller does not support the given upgrade type.");
  }
  if (!is_known_feature(update.feature)) return refuse("The controller does not support the given feature.");
  if (level < 0) return refuse("A feature version cannot be less than 0.");
  const bool is_kraft = update.feature == kKraftVersionFeature;
  // Only the local range says something about kraft.version: its level is the quorum's.
  const std::string fault = is_kraft ? fault_of(fmt::format("Local controller {}", options_.self),
                                                supported_features(), update.feature, level)
                                     : fault_of_any(image(), options_.self, update.feature, level);
  if (!fault.empty()) return refuse(fault);
  const std::int16_t before = is_kraft ? kKraftVersionLevel : image().feature_level(update.feature);
  if (level < before && type == UpgradeType::kUpgrade) {
    return refuse(
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
        "unsafe downgrade.");
  }
  if (level > before && type != UpgradeType::kUpgrade) return refuse("Can't downgrade to a newer version.");
  if (level == before) return {};
  if (update.feature == kElrVersion && level > 0) make_safe_for_elr(records);
  kafka::FeatureLevelRecord record;
  record.name = update.feature;
  record.feature_level = level;
  records.emplace_back(std::move(record));
  return {};
}

// The ELR is counted by min.insync.replicas, which must then be the same wherever it is looked up.
void Controller::make_safe_for_elr(Records& records) const {
  if (!image().configs({ResourceType::kBroker, ""}).contains(kMinIsr)) {
    records.push_back(cluster_min_isr_record(configs().topic_value(image(), "", kMinIsr)));
  }
  for (const Resource& resource : image().configured_resources()) {
    const bool is_one_broker = resource.type == ResourceType::kBroker && !resource.name.empty();
    if (!is_one_broker || !image().configs(resource).contains(kMinIsr)) continue;
    kafka::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(resource.type);
    record.resource_name = resource.name;
    record.name = kMinIsr;
    record.value.reset();
    records.emplace_back(std::move(record));
  }
}

}  // namespace penstock::metadata
