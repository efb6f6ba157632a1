// The CustomResourceDefinitions in crds/, compiled in.
//
// Threads: parsed once, then read by any.
#pragma once

#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace penstock::resources {

// Each of crds/*.yaml as JSON: the whole CustomResourceDefinition object.
const std::vector<nlohmann::json>& embedded_crds();

// Its YAML, as in crds/; empty when there is no such file. `name`: "kafkacluster".
std::string_view embedded_crd_text(std::string_view name);

// The openAPIV3Schema of v1alpha1 of one of our kinds; null JSON for others.
const nlohmann::json& schema_of(std::string_view kind);

}  // namespace penstock::resources
