#include "operator/resources/diff.h"

#include <nlohmann/json.hpp>

#include "operator/resources/quantity.h"

namespace penstock::resources {

bool is_covered(const Json& desired, const Json& live) {
  if (desired.is_object() && live.is_object()) {
    for (const auto& [name, value] : desired.items()) {
      const auto found = live.find(name);
      if (found == live.end() || !is_covered(value, *found)) return false;
    }
    return true;
  }
  if (desired.is_array() && live.is_array()) {
    if (desired.size() != live.size()) return false;
    for (std::size_t i = 0; i < desired.size(); ++i) {
      if (!is_covered(desired[i], live[i])) return false;
    }
    return true;
  }
  if (desired == live) return true;
  if (desired.is_string() && live.is_string()) {
    const auto a = parse_quantity(desired.get_ref<const std::string&>());
    const auto b = parse_quantity(live.get_ref<const std::string&>());
    return a && b && *a == *b;
  }
  return false;
}

Json merge_patch_between(const Json& from, const Json& to) {
  Json patch = Json::object();
  for (const auto& [name, value] : to.items()) {
    const auto found = from.find(name);
    if (found != from.end() && *found == value) continue;
    const bool are_objects = found != from.end() && found->is_object() && value.is_object();
    patch[name] = are_objects ? merge_patch_between(*found, value) : value;
  }
  if (from.is_object()) {
    for (const auto& [name, value] : from.items()) {
      if (!to.contains(name)) patch[name] = nullptr;
    }
  }
  return patch;
}

}  // namespace penstock::resources
