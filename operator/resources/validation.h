// Admission of our own kinds, as an API server with our CRDs does it: schema, then the CEL rules' C++ twins.
//
// The operator runs it again on what it reads, and penstock-local on what it is given, so that an invalid
// resource is refused everywhere with the same words.
// Threads: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "operator/resources/schema.h"

namespace penstock::resources {

// Everything wrong with `object` (a whole KafkaCluster or KafkaTopic). `old` is the stored object on update,
// or null: some rules compare with it. Other kinds have no errors.
std::vector<FieldError> validate(const Json& object, const Json* old = nullptr);

// Defaults and pruning by the kind's schema. Returns the paths of unknown fields that were dropped.
std::vector<std::string> normalize(Json& object);

}  // namespace penstock::resources
