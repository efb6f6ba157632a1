// The feature levels that this program has. What is advertised works; a level that is finalized and not here
// is refused by name.
//
// Threads: constants.
// Source: KIP-584, KIP-1022.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

inline constexpr std::string_view kMetadataVersion = "metadata.version";
inline constexpr std::string_view kKraftVersionFeature = "kraft.version";
inline constexpr std::string_view kElrVersion = "eligible.leader.replicas.version";
inline constexpr std::int16_t kMetadataVersionLevel = 30;  // 4.3-IV0

// For ApiVersions, and for controllers' registrations.
const std::vector<FeatureRange>& supported_features();
// For a broker's registration. Kafka's controllers do not count kraft.version among the finalized levels and
// take it for 0, so that a broker says "from 0" although it never serves a quorum of that version.
std::vector<FeatureRange> broker_features();
// The levels above 0 that a new cluster has unless it is formatted otherwise, besides metadata.version.
const std::map<std::string, std::int16_t>& default_levels();
// Features of Kafka 4.3 that we lack: they may be named at level 0.
bool is_known_feature(std::string_view name);
// ERRORS: kUnsupported naming feature and level, and how to format without it.
base::Result<> check_feature(std::string_view name, std::int16_t level);
// Every finalized level of the image.
base::Result<> check_features(const MetadataImage& image);
// "4.3-IV0" or "4.3" -> 30. ERRORS: kInvalidArgument, kUnsupported.
base::Result<std::int16_t> parse_release_version(std::string_view text);

}  // namespace penstock::metadata
