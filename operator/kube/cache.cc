#include "operator/kube/cache.h"

#include <charconv>
#include <cstdint>
#include <set>

#include <nlohmann/json.hpp>

namespace penstock::kube {
namespace {

std::string meta(const Json& object, const char* field) {
  if (!object.is_object() || !object.contains("metadata")) return {};
  const Json& metadata = object["metadata"];
  return metadata.contains(field) && metadata[field].is_string() ? metadata[field].get<std::string>()
                                                                 : std::string();
}

// Versions of one kind can be compared as integers (KEP-5504); 0 for what is none, which never is newer.
std::uint64_t version_of(const Json& object) {
  const std::string text = meta(object, "resourceVersion");
  std::uint64_t version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

}  // namespace

struct ObjectCache::State {
  std::map<std::string, Json> objects;
};

ObjectCache::ObjectCache() : state_(std::make_unique<State>()) {}
ObjectCache::~ObjectCache() = default;

std::string object_key(const Json& object) { return meta(object, "namespace") + "/" + meta(object, "name"); }

const Json& ObjectCache::find(const std::string& ns, const std::string& name) const {
  static const Json kNone;
  auto found = state_->objects.find(ns + "/" + name);
  return found == state_->objects.end() ? kNone : found->second;
}

std::vector<const Json*> ObjectCache::all() const {
  std::vector<const Json*> objects;
  objects.reserve(state_->objects.size());
  for (const auto& [key, object] : state_->objects) objects.push_back(&object);
  return objects;
}

std::vector<const Json*> ObjectCache::with_label(const std::string& ns, const std::string& label,
                                                 const std::string& value) const {
  std::vector<const Json*> objects;
  const std::string prefix = ns + "/";
  for (auto it = state_->objects.lower_bound(prefix);
       it != state_->objects.end() && it->first.starts_with(prefix); ++it) {
    const Json& metadata = it->second["metadata"];
    if (metadata.contains("labels") && metadata["labels"].is_object() && metadata["labels"].contains(label) &&
        metadata["labels"][label] == value) {
      objects.push_back(&it->second);
    }
  }
  return objects;
}

void ObjectCache::put(const Json& object) {
  auto [slot, is_new] = state_->objects.try_emplace(object_key(object));
  if (!is_new) {
    const bool is_same_object = meta(slot->second, "uid") == meta(object, "uid");
    const std::uint64_t known = version_of(slot->second);
    if (is_same_object && known != 0 && version_of(object) <= known) return;
  }
  slot->second = object;
  // Who set which field is of no use here, and often the larger part of an object.
  slot->second["metadata"].erase("managedFields");
  if (listener_) listener_(slot->second, false);
}

void ObjectCache::remove(const Json& object) {
  auto found = state_->objects.find(object_key(object));
  if (found == state_->objects.end()) return;
  // The name may have been given to a new object since.
  if (meta(found->second, "uid") != meta(object, "uid")) return;
  const Json gone = std::move(found->second);
  state_->objects.erase(found);
  if (listener_) listener_(gone, true);
}

void ObjectCache::replace(const Json& items, const std::string& ns) {
  std::set<std::string> names;
  for (const Json& item : items) names.insert(object_key(item));
  std::vector<Json> gone;
  const std::string prefix = ns.empty() ? "" : ns + "/";
  for (auto it = state_->objects.lower_bound(prefix);
       it != state_->objects.end() && it->first.starts_with(prefix); ++it) {
    if (!names.contains(it->first)) gone.push_back(it->second);
  }
  for (const Json& object : gone) remove(object);
  for (const Json& item : items) put(item);
}

std::size_t ObjectCache::size() const { return state_->objects.size(); }

}  // namespace penstock::kube
