// Manifests: files of YAML documents, turned into JSON objects that know which line each field came from.
//
// Bounded: kManifestBytesMax, kDepthMax, kDocumentsMax, and what aliases may unfold to.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/resources/schema.h"

namespace penstock::resources {

inline constexpr std::size_t kManifestBytesMax = 4 << 20;
inline constexpr int kDepthMax = 64;
inline constexpr std::size_t kDocumentsMax = 10'000;

struct ManifestDocument {
  int index = 0;  // From 1, counting the documents of the file.
  int line = 0;   // Where it starts, from 1.
  std::shared_ptr<Json> object;
  std::map<std::string, int> lines;  // "spec.partitions" to its line.

  // The line of a field, or of its nearest parent that is there.
  int line_of(std::string_view path) const;
};

// Empty documents are left out.
// ERRORS: kInvalidArgument naming document and line; kLimitExceeded.
base::Result<std::vector<ManifestDocument>> parse_manifest(std::string_view text);

// "document 2, line 14, spec.partitions: must be at least 1, but is 0"
std::string describe(const ManifestDocument& document, const FieldError& error);

// One YAML document as JSON. ERRORS: kInvalidArgument naming the line.
base::Result<Json> yaml_to_json(std::string_view text);

}  // namespace penstock::resources
