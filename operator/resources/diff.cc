#include "operator/resources/diff.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "operator/resources/quantity.h"

namespace penstock::resources {
namespace {

// A quantity given as text or as a bare number; none for everything else.
std::optional<double> quantity_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto parsed = parse_quantity(value.get_ref<const std::string&>());
  return parsed ? std::optional<double>(*parsed) : std::nullopt;
}

bool is_list_of_objects(const Json& list) {
  return std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_object(); });
}

// Lists of objects (ports, containers, volumes) are sets by key to Kubernetes, and others may add to them.
bool is_list_covered(const Json& desired, const Json& live) {
  if (is_list_of_objects(desired)) {
    return std::all_of(desired.begin(), desired.end(), [&live](const Json& wanted) {
      return std::any_of(live.begin(), live.end(),
                         [&wanted](const Json& item) { return is_covered(wanted, item); });
    });
  }
  if (desired.size() != live.size()) return false;
  for (std::size_t i = 0; i < desired.size(); ++i) {
    if (!is_covered(desired[i], live[i])) return false;
  }
  return true;
}

}  // namespace

bool is_covered(const Json& desired, const Json& live) {
  if (desired.is_object() && live.is_object()) {
    for (const auto& [name, value] : desired.items()) {
      const auto found = live.find(name);
      if (found == live.end() || !is_covered(value, *found)) return false;
    }
    return true;
  }
  if (desired.is_array() && live.is_array()) return is_list_covered(desired, live);
  if (desired == live) return true;
  const auto a = quantity_of(desired);
  return a && a == quantity_of(live);
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
