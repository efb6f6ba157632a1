// Small readers over JSON that the schema has accepted. Included by .cc files only: it brings the whole of
// JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace penstock::resources {

inline std::string text_or(const nlohmann::json& object, const char* name, std::string fallback = {}) {
  const bool has = object.is_object() && object.contains(name) && object[name].is_string();
  return has ? object[name].get<std::string>() : std::move(fallback);
}

// The object of that name inside, or an empty one. No copy: it lives as long as `object`.
inline const nlohmann::json& child_of(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNone = nlohmann::json::object();
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

inline std::optional<std::int32_t> int_or_none(const nlohmann::json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number()) return std::nullopt;
  return object[name].get<std::int32_t>();
}

// Int-or-string values as text.
inline std::map<std::string, std::string> text_map(const nlohmann::json& object) {
  std::map<std::string, std::string> map;
  for (const auto& [name, value] : object.items()) {
    map[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return map;
}

}  // namespace penstock::resources
