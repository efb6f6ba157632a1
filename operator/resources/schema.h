// Structural OpenAPI v3 schemas as CRDs carry them: validation, defaults and pruning, as an API server does.
//
// Understood: type, properties, required, additionalProperties, items, enum, minimum, maximum, minLength,
// maxLength, pattern, minItems, maxItems, maxProperties, default, nullable, x-kubernetes-int-or-string,
// x-kubernetes-preserve-unknown-fields, x-kubernetes-list-type/list-map-keys (duplicates). CEL is not; the
// rules of our own kinds are in rules.h. Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace penstock::resources {

using Json = nlohmann::json;

// One thing that is wrong: "spec.partitions" and "must be at least 1, but is 0".
struct FieldError {
  std::string path;
  std::string message;

  std::string to_string() const { return path.empty() ? message : path + ": " + message; }
  friend bool operator==(const FieldError&, const FieldError&) = default;
};

// "spec.a: must be ...; spec.b: ..."
std::string join(const std::vector<FieldError>& errors);

// `schema` is an openAPIV3Schema. At most kErrorsMax errors are reported.
std::vector<FieldError> validate_schema(const Json& schema, const Json& value);

// Adds the schema's defaults where fields are missing.
void add_defaults(const Json& schema, Json& value);

// Removes fields that the schema does not have and returns their paths. apiVersion, kind and metadata stay.
std::vector<std::string> prune_unknown(const Json& schema, Json& object);

}  // namespace penstock::resources
