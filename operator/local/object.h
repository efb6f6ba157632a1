// Kubernetes objects as JSON, and the few helpers that everything here reads them with.
//
// Threads: values; ObjectPtr is shared and never changed.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"

namespace penstock::local {

using Json = nlohmann::json;
using ObjectPtr = std::shared_ptr<const Json>;

// Where an object is stored. `resource` is "pods" or "statefulsets.apps".
struct ObjectKey {
  std::string resource;
  std::string ns;  // Empty for cluster-scoped kinds.
  std::string name;

  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
  std::string to_string() const;
};

// The value at a JSON pointer ("/metadata/labels"), or null JSON when some part is missing.
const Json& value_at(const Json& object, std::string_view pointer);
// The same as text: empty when it is missing or no string.
std::string text_at(const Json& object, std::string_view pointer);
std::int64_t number_at(const Json& object, std::string_view pointer, std::int64_t otherwise);
bool flag_at(const Json& object, std::string_view pointer, bool otherwise = false);

std::string name_of(const Json& object);
std::string namespace_of(const Json& object);
std::string uid_of(const Json& object);
std::string label_of(const Json& object, const std::string& label);
std::string annotation_of(const Json& object, const std::string& annotation);
bool is_being_deleted(const Json& object);

// Sets or replaces the entry of a conditions list; lastTransitionTime moves only when the status does.
// True when something changed.
bool set_condition(Json& conditions, std::string_view type, bool status, std::string_view reason,
                   std::string_view message, std::string_view now);

// "2026-01-02T03:04:05Z" and back; 0 when it is no such time.
std::string rfc3339(std::int64_t wall_ms);
std::int64_t parse_rfc3339(std::string_view text);

// JSON, or why not. ERRORS: kCorrupt.
base::Result<Json> parse_json(std::string_view text);

}  // namespace penstock::local
