#include "cli/manifests.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/client_config.h"
#include "operator/resources/validation.h"

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Result;
using resources::FieldError;
using resources::ManifestDocument;
using Json = nlohmann::json;

namespace fs = std::filesystem;

namespace {

std::string text_at(const Json& object, const char* outer, const char* inner) {
  const auto found = object.find(outer);
  if (found == object.end() || !found->is_object()) return {};
  const auto value = found->find(inner);
  return value != found->end() && value->is_string() ? value->get<std::string>() : std::string();
}

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const kube::Kind* kind_of(const Json& object) {
  for (const kube::Kind& kind : kube::all_kinds()) {
    if (kind.kind == text_at(object, "kind") && kind.api_version() == text_at(object, "apiVersion"))
      return &kind;
  }
  return nullptr;
}

// Everything that can be said of a document without asking the server.
std::vector<FieldError> check(const ManifestDocument& document) {
  const Json& object = *document.object;
  if (!object.is_object()) return {{"", "is not an object"}};
  for (const char* field : {"apiVersion", "kind"}) {
    if (text_at(object, field).empty()) return {{field, "is missing"}};
  }
  if (text_at(object, "metadata", "name").empty()) return {{"metadata.name", "is missing"}};
  if (kind_of(object) == nullptr) {
    return {{"kind", fmt::format("{} {} is not a kind that penstock applies", text_at(object, "apiVersion"),
                                 text_at(object, "kind"))}};
  }
  std::vector<FieldError> errors = resources::validate(object);
  Json copy = object;
  for (const std::string& unknown : resources::normalize(copy))
    errors.push_back({unknown, "there is no such field"});
  return errors;
}

Result<std::vector<std::string>> files_in(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string extension = entry->path().extension();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") files.push_back(entry->path());
  }
  if (error) return fail(Errc::kIo, fmt::format("{}: {}", directory, error.message()));
  std::ranges::sort(files);
  return files;
}

std::string read_standard_input() {
  std::string text;
  char buffer[16384];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, size);
  return text;
}

}  // namespace

std::string LoadedObject::name() const { return text_at(*document.object, "metadata", "name"); }
std::string LoadedObject::ns() const { return text_at(*document.object, "metadata", "namespace"); }
std::string LoadedObject::title() const {
  return fmt::format("{}{}{}/{}", kind.plural, kind.group.empty() ? "" : ".", kind.group, name());
}

void add_manifest(const std::string& file, const std::string& text, Manifests& manifests) {
  auto documents = resources::parse_manifest(text);
  if (!documents) {
    manifests.errors.push_back(fmt::format("{}: {}", file, documents.error().what()));
    return;
  }
  for (ManifestDocument& document : *documents) {
    const std::vector<FieldError> errors = check(document);
    for (const FieldError& error : errors) {
      manifests.errors.push_back(fmt::format("{}: {}", file, resources::describe(document, error)));
    }
    if (errors.empty())
      manifests.objects.push_back({file, "", *kind_of(*document.object), std::move(document)});
  }
}

Result<Manifests> load_manifests(const std::vector<std::string>& paths) {
  Manifests manifests;
  for (const std::string& path : paths) {
    if (path == "-") {
      add_manifest("standard input", read_standard_input(), manifests);
      continue;
    }
    std::error_code ignored;
    const bool is_directory = fs::is_directory(path, ignored);
    std::vector<std::string> files{path};
    if (is_directory) {
      TRY_ASSIGN(files, files_in(path));
    }
    const std::size_t first = manifests.objects.size();
    for (const std::string& file : files) {
      TRY_ASSIGN(const std::string text, read_file(file));
      add_manifest(file, text, manifests);
    }
    if (!is_directory) continue;
    const std::string directory = fs::weakly_canonical(path, ignored);
    for (std::size_t i = first; i < manifests.objects.size(); ++i) manifests.objects[i].directory = directory;
  }
  // The same object twice would be applied twice, each undoing the other.
  std::set<std::string> seen;
  for (const LoadedObject& object : manifests.objects) {
    if (!seen.insert(object.ns() + " " + object.title()).second) {
      manifests.errors.push_back(fmt::format("{}: document {}, line {}: {} is there twice", object.file,
                                             object.document.index, object.document.line, object.title()));
    }
  }
  return manifests;
}

}  // namespace penstock::cli
