#include "kafka/api_keys.h"

#include <algorithm>

namespace penstock::kafka {

namespace {

constexpr ApiInfo kApis[] = {
#include "kafka/messages/api_table.inc"
};

}  // namespace

std::span<const ApiInfo> all_apis() { return kApis; }

const ApiInfo* find_api(std::int16_t key) {
  const auto* found = std::ranges::lower_bound(
      kApis, key, {}, [](const ApiInfo& api) { return static_cast<std::int16_t>(api.key); });
  return found != std::end(kApis) && static_cast<std::int16_t>(found->key) == key ? found : nullptr;
}

const ApiInfo* find_api(std::string_view name) {
  const auto* found = std::ranges::find(kApis, name, &ApiInfo::name);
  return found != std::end(kApis) ? found : nullptr;
}

std::string_view api_name(ApiKey key) {
  const ApiInfo* api = find_api(key);
  return api != nullptr ? api->name : "unknown";
}

}  // namespace penstock::kafka
