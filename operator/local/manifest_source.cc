#include "operator/local/manifest_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/resources/manifest.h"
#include "operator/resources/validation.h"

namespace penstock::local {

namespace fs = std::filesystem;

namespace {

constexpr base::Logger log("manifests");
constexpr const char* kManager = "penstock-manifests";
constexpr const char* kSourceAnnotation = "penstock.dev/applied-from";

bool is_manifest(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A change of this is worth reading the files for.
std::string fingerprint_of(const std::vector<fs::path>& paths) {
  std::string fingerprint;
  std::error_code ignored;
  for (const fs::path& path : paths)
    fingerprint += fmt::format("{}:{}:{};", path.string(), fs::file_size(path, ignored),
                               fs::last_write_time(path, ignored).time_since_epoch().count());
  return fingerprint;
}

std::vector<fs::path> manifests_in(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {path};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (is_manifest(entry.path()) && paths.size() < ManifestSource::kFilesMax) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct Look {
  std::string fingerprint;
  std::optional<ManifestSource::Files> files;  // Nothing when they are as before.
};

Look look_at(const std::string& path, const std::string& before) {
  const std::vector<fs::path> paths = manifests_in(path);
  Look look{fingerprint_of(paths), std::nullopt};
  if (look.fingerprint == before) return look;
  look.files.emplace();
  std::error_code ignored;
  for (const fs::path& file : paths)
    if (fs::exists(file, ignored)) (*look.files)[file.filename().string()] = contents_of(file);
  return look;
}

}  // namespace

ManifestSource::ManifestSource(aio::Reactor& reactor, Objects& objects, std::string path)
    : reactor_(reactor), objects_(objects), path_(std::move(path)) {}

void ManifestSource::start() { aio::spawn(gate_, "manifests", run()); }

aio::Task<> ManifestSource::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

aio::Task<> ManifestSource::run() {
  std::string fingerprint = "never looked";
  while (!stopping_.is_cancelled()) {
    auto look = [this, fingerprint] { return look_at(path_, fingerprint); };
    Look seen = co_await aio::run_blocking(reactor_, std::move(look));
    if (seen.files) apply(*seen.files);
    fingerprint = std::move(seen.fingerprint);
    (void)co_await aio::sleep_for(reactor_, kLookEvery, stopping_.token());
  }
}

void ManifestSource::apply(const Files& files) {
  problems_.clear();
  std::map<ObjectKey, bool> wanted;
  bool all_fine = true;
  for (const auto& [file, content] : files) all_fine = apply_file(file, content, wanted) && all_fine;
  if (all_fine) prune(wanted);
}

void ManifestSource::add_problem(std::string problem) {
  log.error("{}", problem);
  problems_.push_back(std::move(problem));
}

bool ManifestSource::apply_file(const std::string& file, const std::string& content,
                                std::map<ObjectKey, bool>& wanted) {
  const auto documents = resources::parse_manifest(content);
  if (!documents) {
    add_problem(file + ": " + documents.error().what());
    return false;
  }
  const std::size_t problems_before = problems_.size();
  const Kinds& kinds = objects_.kinds();
  for (const resources::ManifestDocument& document : *documents) {
    Json object = *document.object;
    const Kind* kind = kinds.find_kind(text_at(object, "/apiVersion"), text_at(object, "/kind"));
    if (kind == nullptr) {
      add_problem(
          file + ": " +
          describe(document, {"kind", fmt::format("no kind {} in {} is served", text_at(object, "/kind"),
                                                  text_at(object, "/apiVersion"))}));
      continue;
    }
    for (const std::string& unknown : resources::normalize(object))
      add_problem(file + ": " + describe(document, {unknown, "is no field of a " + kind->kind}));
    std::string ns = kind->is_namespaced ? namespace_of(object) : "";
    if (kind->is_namespaced && ns.empty()) ns = kDefaultNamespace;
    const ObjectPtr old = objects_.store().get({kind->resource(), ns, name_of(object)});
    for (const resources::FieldError& error : resources::validate(object, old.get()))
      add_problem(file + ": " + describe(document, error));
  }
  if (problems_.size() > problems_before) return false;
  for (const resources::ManifestDocument& document : *documents) {
    Json object = *document.object;
    const Kind* kind = kinds.find_kind(text_at(object, "/apiVersion"), text_at(object, "/kind"));
    std::string ns = kind->is_namespaced ? namespace_of(object) : "";
    if (kind->is_namespaced && ns.empty()) ns = kDefaultNamespace;
    const ObjectKey key{kind->resource(), ns, name_of(object)};
    object["metadata"]["annotations"][kSourceAnnotation] = file;
    const ObjectPtr before = objects_.store().get(key);
    WriteOptions options;
    options.manager = kManager;
    options.is_forced = true;
    const auto applied = objects_.apply(*kind, ns, key.name, std::move(object), options);
    if (!applied) {
      add_problem(file + ": " + describe(document, {"", applied.error().what()}));
    } else if (*applied != before) {
      log.info("{}: {} {}", file, key.to_string(), before ? "changed" : "created");
    }
    wanted[key] = true;
  }
  return problems_.size() == problems_before;
}

void ManifestSource::prune(const std::map<ObjectKey, bool>& wanted) {
  std::vector<ObjectKey> gone;
  for (const auto& [key, object] : objects_.store().objects())
    if (!annotation_of(*object, kSourceAnnotation).empty() && !wanted.contains(key) &&
        !is_being_deleted(*object))
      gone.push_back(key);
  for (const ObjectKey& key : gone) {
    const Kind* kind = objects_.kinds().find_resource(key.resource);
    if (kind == nullptr) continue;
    log.info("{} is deleted: its document is gone", key.to_string());
    if (const auto done = objects_.remove(*kind, key.ns, key.name, {}); !done)
      add_problem(done.error().what());
  }
}

}  // namespace penstock::local
