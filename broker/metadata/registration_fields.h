// The endpoints and feature ranges that requests, records and images have alike, copied from one to another.
//
// Threads: pure functions.
#pragma once

#include <vector>

#include "broker/metadata/image.h"

namespace penstock::metadata {

template <typename To, typename From>
std::vector<To> copy_endpoints(const std::vector<From>& from) {
  std::vector<To> to;
  to.reserve(from.size());
  for (const auto& endpoint : from) {
    To copy;
    copy.name = endpoint.name;
    copy.host = endpoint.host;
    copy.port = endpoint.port;
    copy.security_protocol = endpoint.security_protocol;
    to.push_back(std::move(copy));
  }
  return to;
}

// Messages say min_supported_version, the image says min_version.
inline std::int16_t& min_of(FeatureRange& range) { return range.min_version; }
inline std::int16_t& max_of(FeatureRange& range) { return range.max_version; }
inline std::int16_t min_of(const FeatureRange& range) { return range.min_version; }
inline std::int16_t max_of(const FeatureRange& range) { return range.max_version; }
template <typename Message>
auto& min_of(Message& range) {
  return range.min_supported_version;
}
template <typename Message>
auto& max_of(Message& range) {
  return range.max_supported_version;
}

template <typename To, typename From>
std::vector<To> copy_features(const std::vector<From>& from) {
  std::vector<To> to;
  to.reserve(from.size());
  for (const auto& range : from) {
    To copy;
    copy.name = range.name;
    min_of(copy) = min_of(range);
    max_of(copy) = max_of(range);
    to.push_back(std::move(copy));
  }
  return to;
}

}  // namespace penstock::metadata
