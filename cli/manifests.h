// Manifests from files, directories and standard input, checked before anything is sent.
//
// Threads: pure, besides reading files.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "operator/kube/kind.h"
#include "operator/resources/manifest.h"

namespace penstock::cli {

struct LoadedObject {
  std::string file;
  std::string directory;  // Absolute, when the file was found in one; else empty.
  kube::Kind kind;
  resources::ManifestDocument document;

  std::string name() const;
  std::string ns() const;  // As written; may be empty.
  // "kafkatopics.penstock.dev/orders"
  std::string title() const;
};

struct Manifests {
  std::vector<LoadedObject> objects;
  // "topics.yaml: document 2, line 14, spec.partitions: must be at least 1, but is 0"
  std::vector<std::string> errors;
};

// `paths` are files, directories (their *.yaml, *.yml and *.json, by name) or "-".
// ERRORS: kNotFound, kIo; what is wrong with a manifest goes to `errors`.
base::Result<Manifests> load_manifests(const std::vector<std::string>& paths);

// One file's text. Public for tests.
void add_manifest(const std::string& file, const std::string& text, Manifests& manifests);

}  // namespace penstock::cli
