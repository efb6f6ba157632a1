#include "operator/resources/schema.h"

#include <cmath>
#include <limits>
#include <set>

#include <re2/re2.h>
#include <nlohmann/json.hpp>

namespace penstock::resources {
namespace {

constexpr std::size_t kErrorsMax = 50;
constexpr int kNestingMax = 100;

std::string child(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

std::string type_name(const Json& value) {
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return value.type_name();
}

std::size_t code_points(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

class Validator {
 public:
  explicit Validator(std::vector<FieldError>& errors) : errors_(errors) {}

  void check(const Json& schema, const Json& value, const std::string& path, int depth) {
    if (depth > kNestingMax) return add(path, "is nested too deeply");
    if (value.is_null() && schema.value("nullable", false)) return;
    if (!check_type(schema, value, path)) return;
    if (schema.contains("enum")) check_enum(schema["enum"], value, path);
    if (value.is_string()) check_string(schema, value.get_ref<const std::string&>(), path);
    if (value.is_number()) check_number(schema, value, path);
    if (value.is_array()) check_array(schema, value, path, depth);
    if (value.is_object()) check_object(schema, value, path, depth);
  }

 private:
  void add(const std::string& path, std::string message) {
    if (errors_.size() < kErrorsMax) errors_.push_back({path, std::move(message)});
  }

  bool check_type(const Json& schema, const Json& value, const std::string& path) {
    if (schema.value("x-kubernetes-int-or-string", false)) {
      if (value.is_string() || value.is_number_integer()) return true;
      add(path, "must be text or an integer, but is " + type_name(value) +
                    (value.is_boolean() ? ": put it in quotes" : ""));
      return false;
    }
    if (!schema.contains("type")) return true;
    const std::string type = schema["type"];
    const bool is_whole = value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
    const bool is_right = (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
                          (type == "string" && value.is_string()) ||
                          (type == "boolean" && value.is_boolean()) ||
                          (type == "integer" && (value.is_number_integer() || is_whole)) ||
                          (type == "number" && value.is_number());
    if (!is_right) add(path, "must be of type " + type + ", but is " + type_name(value));
    return is_right;
  }

  void check_enum(const Json& allowed, const Json& value, const std::string& path) {
    std::string names;
    for (const Json& one : allowed) {
      if (one == value) return;
      if (!names.empty()) names += ", ";
      names += one.is_string() ? one.get<std::string>() : one.dump();
    }
    add(path, "must be one of " + names + ", but is " +
                  (value.is_string() ? value.get<std::string>() : value.dump()));
  }

  void check_string(const Json& schema, const std::string& text, const std::string& path) {
    const std::size_t length = code_points(text);
    if (schema.contains("minLength") && length < schema["minLength"].get<std::size_t>()) {
      add(path, text.empty() ? "must not be empty" : "is too short");
    }
    if (schema.contains("maxLength") && length > schema["maxLength"].get<std::size_t>()) {
      return add(path, "must be at most " + schema["maxLength"].dump() + " characters, but has " +
                           std::to_string(length));
    }
    if (schema.contains("pattern")) {
      const std::string pattern = schema["pattern"];
      if (!RE2::PartialMatch(text, pattern)) add(path, "must match " + pattern + ", but is \"" + text + "\"");
    }
  }

  void check_number(const Json& schema, const Json& value, const std::string& path) {
    const auto number = value.get<double>();
    if (schema.contains("minimum") && number < schema["minimum"].get<double>()) {
      return add(path, "must be at least " + schema["minimum"].dump() + ", but is " + value.dump());
    }
    if (schema.contains("maximum") && number > schema["maximum"].get<double>()) {
      return add(path, "must be at most " + schema["maximum"].dump() + ", but is " + value.dump());
    }
    if (schema.value("format", "") == "int32" && (number > std::numeric_limits<std::int32_t>::max() ||
                                                  number < std::numeric_limits<std::int32_t>::min())) {
      add(path, "does not fit into 32 bits: " + value.dump());
    }
  }

  void check_array(const Json& schema, const Json& value, const std::string& path, int depth) {
    if (schema.contains("minItems") && value.size() < schema["minItems"].get<std::size_t>())
      add(path, "has too few items");
    if (schema.contains("maxItems") && value.size() > schema["maxItems"].get<std::size_t>()) {
      return add(path, "has more than " + schema["maxItems"].dump() + " items");
    }
    if (!schema.contains("items")) return;
    std::set<std::string> keys;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string inner = path + "[" + std::to_string(i) + "]";
      check(schema["items"], value[i], inner, depth + 1);
      if (schema.value("x-kubernetes-list-type", "") != "map" || !value[i].is_object()) continue;
      std::string key;
      for (const Json& name : schema["x-kubernetes-list-map-keys"]) {
        key += value[i].value(name.get<std::string>(), Json()).dump() + "/";
      }
      if (!keys.insert(key).second) add(inner, "is there twice");
    }
  }

  void check_object(const Json& schema, const Json& value, const std::string& path, int depth) {
    if (schema.contains("required")) {
      for (const Json& name : schema["required"]) {
        if (!value.contains(name.get<std::string>()))
          add(child(path, name.get<std::string>()), "is required");
      }
    }
    if (schema.contains("maxProperties") && value.size() > schema["maxProperties"].get<std::size_t>()) {
      return add(path, "has more than " + schema["maxProperties"].dump() + " entries");
    }
    for (const auto& [name, field] : value.items()) {
      if (schema.contains("properties") && schema["properties"].contains(name)) {
        check(schema["properties"][name], field, child(path, name), depth + 1);
      } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
        check(schema["additionalProperties"], field, child(path, name), depth + 1);
      }
    }
  }

  std::vector<FieldError>& errors_;
};

void prune(const Json& schema, Json& value, const std::string& path, int depth,
           std::vector<std::string>& dropped) {
  if (depth > kNestingMax || schema.value("x-kubernetes-preserve-unknown-fields", false)) return;
  if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      prune(schema["items"], value[i], path + "[" + std::to_string(i) + "]", depth + 1, dropped);
    }
  }
  if (!value.is_object() || schema.contains("additionalProperties") || !schema.contains("properties")) return;
  const Json& properties = schema["properties"];
  for (auto it = value.begin(); it != value.end();) {
    const bool is_root_meta = depth == 0 && it.key() == "metadata";
    if (!properties.contains(it.key())) {
      dropped.push_back(child(path, it.key()));
      it = value.erase(it);
      continue;
    }
    if (!is_root_meta) prune(properties[it.key()], it.value(), child(path, it.key()), depth + 1, dropped);
    ++it;
  }
}

void add_defaults_at(const Json& schema, Json& value, int depth) {
  if (depth > kNestingMax) return;
  if (value.is_array() && schema.contains("items")) {
    for (Json& item : value) add_defaults_at(schema["items"], item, depth + 1);
  }
  if (!value.is_object() || !schema.contains("properties")) return;
  for (const auto& [name, field] : schema["properties"].items()) {
    const bool is_missing =
        !value.contains(name) || (value[name].is_null() && !field.value("nullable", false));
    if (is_missing && field.contains("default")) value[name] = field["default"];
    if (value.contains(name)) add_defaults_at(field, value[name], depth + 1);
  }
}

}  // namespace

std::string join(const std::vector<FieldError>& errors) {
  std::string text;
  for (const FieldError& error : errors) {
    if (!text.empty()) text += "; ";
    text += error.to_string();
  }
  return text;
}

std::vector<FieldError> validate_schema(const Json& schema, const Json& value) {
  std::vector<FieldError> errors;
  Validator(errors).check(schema, value, "", 0);
  return errors;
}

void add_defaults(const Json& schema, Json& value) { add_defaults_at(schema, value, 0); }

std::vector<std::string> prune_unknown(const Json& schema, Json& object) {
  std::vector<std::string> dropped;
  prune(schema, object, "", 0, dropped);
  return dropped;
}

}  // namespace penstock::resources
