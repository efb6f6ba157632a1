// Conditions as Kubernetes' API conventions have them: a list keyed by type, lastTransitionTime moving only
// when the status does.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace penstock::resources {

struct Condition {
  std::string type;
  std::string status;  // "True", "False" or "Unknown".
  std::string reason;  // CamelCase, never empty.
  std::string message;
};

// Puts `condition` into `conditions` (a JSON array). `now`: RFC 3339.
void set_condition(nlohmann::json& conditions, const Condition& condition, std::int64_t generation,
                   std::string_view now);

// The entry of a type in object.status.conditions, or an empty object.
const nlohmann::json& find_condition(const nlohmann::json& object, std::string_view type);

// True, and reported for the object's current generation, as `kubectl wait` means it.
bool is_condition_true(const nlohmann::json& object, std::string_view type);

// "2026-01-02T03:04:05Z"
std::string rfc3339(std::int64_t wall_ms);
// Milliseconds since 1970; none for what is no such time.
std::optional<std::int64_t> parse_rfc3339(const std::string& text);

}  // namespace penstock::resources
