#include "broker/metadata/features.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace penstock::metadata {

const std::vector<FeatureRange>& supported_features() {
  static const std::vector<FeatureRange> kSupported = {
      {std::string(kElrVersion), 0, 1},
      {std::string(kKraftVersionFeature), 1, 1},
      {std::string(kMetadataVersion), kMetadataVersionLevel, kMetadataVersionLevel},
  };
  return kSupported;
}

std::vector<FeatureRange> broker_features() {
  std::vector<FeatureRange> features = supported_features();
  for (FeatureRange& feature : features) {
    if (feature.name == kKraftVersionFeature) feature.min_version = 0;
  }
  return features;
}

const std::map<std::string, std::int16_t>& default_levels() {
  static const std::map<std::string, std::int16_t> kLevels = {{std::string(kElrVersion), 1}};
  return kLevels;
}

bool is_known_feature(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kKnown = {"kraft.version",
                                                             "metadata.version",
                                                             "transaction.version",
                                                             "group.version",
                                                             "share.version",
                                                             "streams.version",
                                                             "eligible.leader.replicas.version"};
  return std::ranges::find(kKnown, name) != kKnown.end();
}

base::Result<> check_feature(std::string_view name, std::int16_t level) {
  const auto& supported = supported_features();
  const auto found = std::ranges::find(supported, name, &FeatureRange::name);
  if (found == supported.end()) {
    if (level == 0) return {};
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("feature {}={} is finalized, and this program has only {}=0; format with "
                                  "--feature {}=0",
                                  name, level, name, name));
  }
  if (level < found->min_version || level > found->max_version) {
    return base::fail(base::Errc::kUnsupported,
                      fmt::format("feature {}={} is finalized, and this program has {} to {}", name, level,
                                  found->min_version, found->max_version));
  }
  return {};
}

base::Result<> check_features(const MetadataImage& image) {
  for (const auto& [name, level] : image.features()) TRY(check_feature(name, level));
  return {};
}

base::Result<std::int16_t> parse_release_version(std::string_view text) {
  if (text == "4.3" || text == "4.3-IV0" || text == "4.3.0" || text == "4.3.1") return kMetadataVersionLevel;
  return base::fail(base::Errc::kUnsupported,
                    fmt::format("release version {}: this program formats 4.3-IV0 only", text));
}

}  // namespace penstock::metadata
