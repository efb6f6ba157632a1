#include "kafka/codec.h"

namespace penstock::kafka {

namespace {

bool is_flexible(ApiKey key, std::int16_t version) {
  const ApiInfo* api = find_api(key);
  return api != nullptr && api->is_flexible(version);
}

}  // namespace

std::int16_t request_header_version(ApiKey key, std::int16_t version) {
  return is_flexible(key, version) ? 2 : 1;
}

std::int16_t response_header_version(ApiKey key, std::int16_t version) {
  // A client that asked for a version we lack reads the answer without knowing ours, so it is never flexible.
  if (key == ApiKey::kApiVersions) return 0;
  return is_flexible(key, version) ? 1 : 0;
}

}  // namespace penstock::kafka
