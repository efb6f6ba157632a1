#include "operator/resources/crds.h"

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "operator/resources/crd_texts.h"
#include "operator/resources/manifest.h"

namespace penstock::resources {

const std::vector<Json>& embedded_crds() {
  static const std::vector<Json> kCrds = [] {
    std::vector<Json> crds;
    for (const CrdText& text : crd_texts()) {
      auto crd = yaml_to_json(text.yaml);
      BASE_ASSERT(crd.has_value(), "a file in crds/ is not YAML");
      crds.push_back(std::move(*crd));
    }
    return crds;
  }();
  return kCrds;
}

std::string_view embedded_crd_text(std::string_view name) {
  for (const CrdText& text : crd_texts()) {
    if (text.name == name) return text.yaml;
  }
  return {};
}

const Json& schema_of(std::string_view kind) {
  static const Json kNone;
  for (const Json& crd : embedded_crds()) {
    if (crd["spec"]["names"]["kind"] == kind) return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
  }
  return kNone;
}

}  // namespace penstock::resources
