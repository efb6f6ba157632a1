// The table of Kafka's APIs: numbers, names, versions, and who may call them where.
//
// The rows are kafka/schema/api_keys.tsv; versions come from the schemas of the requests.
// Threads: constants.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::kafka {

enum class ApiKey : std::int16_t {
#define PENSTOCK_API_KEY(enumerator, number) enumerator = number,
#include "kafka/messages/api_key_enum.inc"
#undef PENSTOCK_API_KEY
};

struct ApiInfo {
  ApiKey key;
  std::string_view name;
  std::int16_t lowest_version;  // Of what can be decoded; highest < lowest for a removed API.
  std::int16_t highest_version;
  std::int16_t first_flexible_version;  // 32767: none.
  std::int16_t advertised_lowest;       // What ApiVersions says; differs for Produce (KAFKA-18659).
  std::int16_t advertised_highest;      // Leaves out an unstable latest version.
  bool on_broker_listener;
  bool on_controller_listener;
  bool cluster_action;  // Needs the ClusterAction permission: brokers and controllers only.
  bool forwardable;     // A broker may wrap it in an Envelope for the controller.

  bool is_removed() const { return highest_version < lowest_version; }
  bool supports(std::int16_t version) const {
    return version >= lowest_version && version <= highest_version;
  }
  bool is_flexible(std::int16_t version) const { return version >= first_flexible_version; }
};

// Every API that exists, in the order of its number; removed ones are left out.
std::span<const ApiInfo> all_apis();

// Null for a number that is unknown or removed.
const ApiInfo* find_api(std::int16_t key);
const ApiInfo* find_api(std::string_view name);
inline const ApiInfo* find_api(ApiKey key) { return find_api(static_cast<std::int16_t>(key)); }

// "Fetch", or "unknown".
std::string_view api_name(ApiKey key);

}  // namespace penstock::kafka
