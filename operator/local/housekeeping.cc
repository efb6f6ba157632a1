#include "operator/local/housekeeping.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace penstock::local {

namespace {

constexpr base::Logger log("housekeeping");
constexpr const char* kClaimFinalizer = "kubernetes.io/pvc-protection";

bool is_used(const Store& store, const std::string& ns, const std::string& claim) {
  for (const ObjectPtr& pod : store.list("pods", ns)) {
    const Json& volumes = value_at(*pod, "/spec/volumes");
    if (!volumes.is_array()) continue;
    for (const Json& volume : volumes)
      if (text_at(volume, "/persistentVolumeClaim/claimName") == claim) return true;
  }
  return false;
}

WriteOptions quiet(std::string subresource = {}) {
  WriteOptions options;
  options.tracks_fields = false;
  options.subresource = std::move(subresource);
  return options;
}

void bind_claim(Objects& objects, const Kind& kind, const HostPaths& paths, const Json& claim) {
  const std::string ns = namespace_of(claim);
  const std::string name = name_of(claim);
  std::error_code failed;
  std::filesystem::create_directories(paths.volume_of(ns, name), failed);
  if (failed) return log.warn("directory of claim {}/{}: {}", ns, name, failed.message());
  Json changed = claim;
  changed["metadata"]["finalizers"].push_back(kClaimFinalizer);
  changed["spec"]["volumeName"] = "local-" + uid_of(claim);
  const auto bound = objects.update(kind, ns, name, std::move(changed), quiet());
  if (!bound) return log.warn("claim {}/{}: {}", ns, name, bound.error().what());
  Json with_status = **bound;
  with_status["status"]["phase"] = "Bound";
  with_status["status"]["accessModes"] = value_at(claim, "/spec/accessModes");
  with_status["status"]["capacity"]["storage"] = value_at(claim, "/spec/resources/requests/storage");
  const auto reported = objects.update(kind, ns, name, std::move(with_status), quiet("status"));
  if (!reported) log.warn("claim {}/{}: {}", ns, name, reported.error().what());
}

void release_claim(Objects& objects, const Kind& kind, const HostPaths& paths, const Json& claim) {
  const std::string ns = namespace_of(claim);
  const std::string name = name_of(claim);
  std::error_code ignored;
  std::filesystem::remove_all(paths.volume_of(ns, name), ignored);
  Json changed = claim;
  std::erase_if(changed["metadata"]["finalizers"].get_ref<Json::array_t&>(),
                [](const Json& finalizer) { return finalizer == kClaimFinalizer; });
  const auto done = objects.update(kind, ns, name, std::move(changed), quiet());
  if (!done) log.warn("claim {}/{}: {}", ns, name, done.error().what());
}

bool is_bound(const Json& claim) {
  const Json& finalizers = value_at(claim, "/metadata/finalizers");
  return finalizers.is_array() &&
         std::find(finalizers.begin(), finalizers.end(), kClaimFinalizer) != finalizers.end();
}

}  // namespace

void collect_garbage(Objects& objects) {
  std::set<std::string> uids;
  std::set<std::string> namespaces;
  for (const auto& [key, object] : objects.store().objects()) {
    uids.insert(uid_of(*object));
    if (key.resource == "namespaces") namespaces.insert(key.name);
  }
  std::vector<ObjectKey> gone;
  for (const auto& [key, object] : objects.store().objects()) {
    if (is_being_deleted(*object)) continue;
    const Json& owners = value_at(*object, "/metadata/ownerReferences");
    const bool is_orphaned = owners.is_array() && !owners.empty() &&
                             std::none_of(owners.begin(), owners.end(), [&](const Json& owner) {
                               return uids.contains(text_at(owner, "/uid"));
                             });
    if (is_orphaned || (!key.ns.empty() && !namespaces.contains(key.ns))) gone.push_back(key);
  }
  for (const ObjectKey& key : gone) {
    const Kind* kind = objects.kinds().find_resource(key.resource);
    if (kind == nullptr) {
      objects.forget(key);  // Its definition is gone as well.
    } else if (const auto done = objects.remove(*kind, key.ns, key.name, {}); !done) {
      log.warn("{}: {}", key.to_string(), done.error().what());
    }
  }
}

void reconcile_claims(Objects& objects, const HostPaths& paths) {
  const Kind* kind = objects.kinds().find_resource("persistentvolumeclaims");
  for (const ObjectPtr& claim : objects.store().list("persistentvolumeclaims", "")) {
    if (is_being_deleted(*claim)) {
      if (is_bound(*claim) && !is_used(objects.store(), namespace_of(*claim), name_of(*claim)))
        release_claim(objects, *kind, paths, *claim);
    } else if (!is_bound(*claim)) {
      bind_claim(objects, *kind, paths, *claim);
    }
  }
}

void trim_events(Objects& objects) {
  std::vector<ObjectPtr> events = objects.store().list("events", "");
  if (events.size() <= kEventsMax) return;
  std::sort(events.begin(), events.end(), [](const ObjectPtr& a, const ObjectPtr& b) {
    return text_at(*a, "/lastTimestamp") < text_at(*b, "/lastTimestamp");
  });
  for (std::size_t i = 0; i + kEventsMax < events.size(); ++i)
    objects.forget({"events", namespace_of(*events[i]), name_of(*events[i])});
}

}  // namespace penstock::local
