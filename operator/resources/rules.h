// The CEL rules of our CRDs and their C++ twins: one row each.
//
// A test compares path, rule and message of every row with the CRDs, in both directions.
// Threads: constants.
#pragma once

#include <span>
#include <string_view>

#include "operator/resources/schema.h"

namespace penstock::resources {

struct Rule {
  std::string_view kind;
  std::string_view path;     // Of the schema node that carries the rule: "spec.config".
  std::string_view cel;      // As in the CRD.
  std::string_view message;  // As in the CRD.
  bool is_transition;  // Compares with the stored object, so runs only on update, where both have the field.
  // Whether `self` is right. REQUIRES: self is valid by its schema, defaults included.
  bool (*holds)(const Json& self, const Json& old_self);
};

std::span<const Rule> rules();

}  // namespace penstock::resources
