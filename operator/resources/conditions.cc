#include "operator/resources/conditions.h"

#include <ctime>

#include <nlohmann/json.hpp>

namespace penstock::resources {

using nlohmann::json;

void set_condition(json& conditions, const Condition& condition, std::int64_t generation,
                   std::string_view now) {
  if (!conditions.is_array()) conditions = json::array();
  json* slot = nullptr;
  for (json& one : conditions) {
    if (one.is_object() && one.value("type", "") == condition.type) slot = &one;
  }
  if (!slot) {
    conditions.push_back(json::object({{"type", condition.type}}));
    slot = &conditions.back();
  }
  if (slot->value("status", "") != condition.status || !slot->contains("lastTransitionTime")) {
    (*slot)["lastTransitionTime"] = now;
  }
  (*slot)["status"] = condition.status;
  (*slot)["reason"] = condition.reason;
  (*slot)["message"] = condition.message;
  (*slot)["observedGeneration"] = generation;
}

const json& find_condition(const json& object, std::string_view type) {
  static const json kNone = json::object();
  if (!object.is_object() || !object.contains("status") || !object["status"].is_object() ||
      !object["status"].contains("conditions")) {
    return kNone;
  }
  for (const json& one : object["status"]["conditions"]) {
    if (one.is_object() && one.value("type", "") == type) return one;
  }
  return kNone;
}

bool is_condition_true(const json& object, std::string_view type) {
  const json& condition = find_condition(object, type);
  if (!condition.is_object() || condition.value("status", "") != "True") return false;
  return condition.value("observedGeneration", std::int64_t{0}) ==
         object.value("metadata", json::object()).value("generation", std::int64_t{0});
}

std::string rfc3339(std::int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, size);
}

std::optional<std::int64_t> parse_rfc3339(const std::string& text) {
  std::tm utc{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (!end) return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&utc)) * 1000;
}

}  // namespace penstock::resources
