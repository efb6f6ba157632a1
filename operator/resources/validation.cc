#include "operator/resources/validation.h"

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "operator/resources/crds.h"
#include "operator/resources/quantity.h"
#include "operator/resources/rules.h"

namespace penstock::resources {
namespace {

// The value at "spec.config", or null.
const Json* at(const Json* object, std::string_view path) {
  while (object && !path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string name(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    object = object->is_object() && object->contains(name) ? &(*object)[name] : nullptr;
  }
  return object;
}

std::string string_at(const Json& object, std::string_view path) {
  const Json* value = at(&object, path);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

// What the API server checks of the fields that our schemas leave to it.
void check_name(const Json& object, std::vector<FieldError>& errors) {
  const std::string name = string_at(object, "metadata.name");
  if (name.empty()) return errors.push_back({"metadata.name", "is required"});
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.size() > 253 || name.find_first_not_of(kAllowed) != std::string::npos ||
      !is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) {
    errors.push_back(
        {"metadata.name", "must be lower case letters, digits, '-' and '.', but is \"" + name + "\""});
  }
}

// What the API server would find only when the StatefulSet is applied.
void check_resources(const Json& object, std::vector<FieldError>& errors) {
  const Json* resources = at(&object, "spec.podTemplate.resources");
  if (!resources || !resources->is_object()) return;
  std::map<std::string, double> limits;
  // Limits first, which requests are compared with.
  for (const char* part : {"limits", "requests"}) {
    const Json* values = at(resources, part);
    if (!values || !values->is_object()) continue;
    for (const auto& [name, value] : values->items()) {
      const std::string path = std::string("spec.podTemplate.resources.") + part + "." + name;
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      const auto quantity = parse_quantity(text);
      if (!quantity || *quantity < 0) {
        errors.push_back({path, "must be a quantity such as 500m or 1Gi, but is " + text});
        continue;
      }
      if (part == std::string_view("limits")) {
        limits[name] = *quantity;
      } else if (limits.contains(name) && *quantity > limits[name]) {
        errors.push_back({path, "is more than the limit"});
      }
    }
  }
}

// CEL would cost more than an API server allows for keys, whose length no schema can bound.
void check_config_keys(const Json& object, std::vector<FieldError>& errors) {
  static constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const Json* config = at(&object, "spec.config");
  if (!config || !config->is_object()) return;
  for (const auto& [key, value] : config->items()) {
    if (!key.empty() && key.size() <= 249 && key.find_first_not_of(kAllowed) == std::string::npos) continue;
    errors.push_back({"spec.config", "a key has characters that no Kafka property has"});
    return;
  }
}

}  // namespace

std::vector<FieldError> validate(const Json& object, const Json* old) {
  if (!object.is_object()) return {{"", "must be of type object, but is " + std::string(object.type_name())}};
  const std::string kind = string_at(object, "kind");
  const Json& schema = schema_of(kind);
  if (schema.is_null()) return {};
  Json defaulted = object;
  add_defaults(schema, defaulted);
  std::vector<FieldError> errors = validate_schema(schema, defaulted);
  if (errors.empty()) check_name(object, errors);
  check_config_keys(object, errors);
  if (errors.empty()) check_resources(object, errors);
  // As in an API server, rules are asked only of what the schema accepts.
  if (!errors.empty()) return errors;
  Json old_defaulted;
  if (old && old->is_object()) {
    old_defaulted = *old;
    add_defaults(schema, old_defaulted);
  }
  for (const Rule& rule : rules()) {
    if (rule.kind != kind) continue;
    const Json* self = at(&defaulted, rule.path);
    const Json* old_self = old_defaulted.is_object() ? at(&old_defaulted, rule.path) : nullptr;
    if (!self || (rule.is_transition && !old_self)) continue;
    static const Json kNone;
    if (!rule.holds(*self, old_self ? *old_self : kNone)) {
      errors.push_back({std::string(rule.path), std::string(rule.message)});
    }
  }
  return errors;
}

std::vector<std::string> normalize(Json& object) {
  if (!object.is_object()) return {};
  const Json& schema = schema_of(string_at(object, "kind"));
  if (schema.is_null()) return {};
  std::vector<std::string> dropped = prune_unknown(schema, object);
  add_defaults(schema, object);
  return dropped;
}

}  // namespace penstock::resources
