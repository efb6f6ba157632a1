// The text of every file in crds/, put in by the build.
//
// Threads: constants.
#pragma once

#include <span>
#include <string_view>

namespace penstock::resources {

struct CrdText {
  std::string_view name;  // "kafkacluster"
  std::string_view yaml;
};

std::span<const CrdText> crd_texts();

}  // namespace penstock::resources
