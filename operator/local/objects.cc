#include "operator/local/objects.h"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/local/fields.h"
#include "operator/resources/schema.h"
#include "operator/resources/validation.h"

namespace penstock::local {

using base::Errc;

namespace {

// "kafkatopics.penstock.dev \"orders\" not found"
std::string described(const Kind& kind, const std::string& name) {
  return fmt::format("{} \"{}\"", kind.resource(), name);
}

std::unexpected<base::Error> invalid(const Kind& kind, const std::string& name, const std::string& why) {
  const std::string full_kind = kind.group.empty() ? kind.kind : kind.kind + "." + kind.group;
  return base::fail(Errc::kInvalidArgument, fmt::format("{} \"{}\" is invalid: {}", full_kind, name, why));
}

// Everything but metadata and status; a change of it is a new generation.
bool has_same_spec(const Json& a, const Json& b) {
  const auto members_equal = [](const Json& x, const Json& y) {
    return std::all_of(x.items().begin(), x.items().end(), [&y](const auto& member) {
      if (member.key() == "metadata" || member.key() == "status") return true;
      return y.contains(member.key()) && y[member.key()] == member.value();
    });
  };
  return members_equal(a, b) && members_equal(b, a);
}

bool is_same_but_for_bookkeeping(const Json& a, Json b) {
  for (const char* field : {"managedFields", "resourceVersion", "generation"}) {
    b["metadata"].erase(field);
    if (a["metadata"].contains(field)) b["metadata"][field] = a["metadata"][field];
  }
  return a == b;
}

// What everything here relies on without looking again: the types of the fields that all kinds share.
base::Result<> check_shape(Json& object) {
  if (!object.is_object()) return base::fail(Errc::kCorrupt, "the body is no object");
  if (!object.contains("metadata") || object["metadata"].is_null()) object["metadata"] = Json::object();
  const auto wrong = [](const std::string& field, const char* type) {
    return base::fail(Errc::kCorrupt, fmt::format("{}: must be {}", field, type));
  };
  for (const char* field : {"metadata", "spec", "status"})
    if (object.contains(field) && !object[field].is_object()) return wrong(field, "an object");
  Json& metadata = object["metadata"];
  for (const char* field : {"labels", "annotations"}) {
    if (!metadata.contains(field)) continue;
    if (metadata[field].is_null()) metadata.erase(field);
    const Json texts = metadata.value(field, Json::object());
    if (!texts.is_object()) return wrong(fmt::format("metadata.{}", field), "an object of strings");
    for (const Json& text : texts)
      if (!text.is_string()) return wrong(fmt::format("metadata.{}", field), "an object of strings");
  }
  for (const char* field : {"finalizers", "ownerReferences", "managedFields"})
    if (metadata.contains(field) && !metadata[field].is_array())
      return wrong(fmt::format("metadata.{}", field), "a list");
  return {};
}

bool has_finalizers(const Json& object) {
  const Json& finalizers = value_at(object, "/metadata/finalizers");
  return finalizers.is_array() && !finalizers.empty();
}

// The values that every reader of a built-in kind relies on.
void add_built_in_defaults(const Kind& kind, Json& object, const std::string& now) {
  if (kind.kind == "Pod") {
    Json& spec = object["spec"];
    spec.emplace("restartPolicy", "Always");
    spec.emplace("nodeName", "local");
    spec.emplace("terminationGracePeriodSeconds", 30);
  } else if (kind.kind == "StatefulSet") {
    Json& spec = object["spec"];
    spec.emplace("replicas", 1);
    spec.emplace("podManagementPolicy", "OrderedReady");
    if (!spec.contains("updateStrategy")) spec["updateStrategy"] = {{"type", "RollingUpdate"}};
  } else if (kind.kind == "Service") {
    Json& spec = object["spec"];
    spec.emplace("type", "ClusterIP");
    spec.emplace("clusterIP", "127.0.0.1");
  } else if (kind.kind == "CustomResourceDefinition") {
    Json& conditions = object["status"]["conditions"];
    set_condition(conditions, "NamesAccepted", true, "NoConflicts", "no conflicts found", now);
    set_condition(conditions, "Established", true, "InitialNamesAccepted", "the names are accepted", now);
    object["status"]["acceptedNames"] = value_at(object, "/spec/names");
  } else if (kind.kind == "Namespace") {
    object["status"]["phase"] = "Active";
  } else if (kind.kind == "Secret") {
    object.emplace("type", "Opaque");
  }
}

}  // namespace

bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

base::Result<ObjectPtr> Objects::get(const Kind& kind, const std::string& ns, const std::string& name) const {
  if (ObjectPtr found = store_.get({kind.resource(), ns, name})) return found;
  return base::fail(Errc::kNotFound, described(kind, name) + " not found");
}

base::Result<> Objects::admit(const Kind& kind, Json& object, const Json* old, bool is_strict) const {
  const std::string name = name_of(object);
  if (!is_valid_name(name))
    return invalid(kind, name, "metadata.name: must be lower case letters, digits, '-' and '.', at most 253");
  if (!kind.schema) return {};
  const std::vector<std::string> unknown = resources::prune_unknown(*kind.schema, object);
  if (is_strict && !unknown.empty())
    return base::fail(Errc::kCorrupt,
                      fmt::format("strict decoding error: unknown field \"{}\"", unknown.front()));
  resources::add_defaults(*kind.schema, object);
  auto errors = resources::validate_schema(*kind.schema, object);
  if (errors.empty()) errors = resources::validate(object, old);
  if (!errors.empty()) return invalid(kind, name, resources::join(errors));
  return {};
}

std::string Objects::make_uid() {
  const std::uint64_t a = random_.next();
  const std::uint64_t b = random_.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                     0x8000 | ((b >> 48) & 0x3fff), b & 0xffffffffffff);
}

void Objects::add_identity(const Kind& kind, const ObjectKey& key, Json& object) {
  object["apiVersion"] = kind.api_version();
  object["kind"] = kind.kind;
  Json& metadata = object["metadata"];
  metadata["name"] = key.name;
  if (kind.is_namespaced) metadata["namespace"] = key.ns;
  metadata["uid"] = make_uid();
  metadata["creationTimestamp"] = now();
  metadata["generation"] = 1;
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink"})
    metadata.erase(field);
}

base::Result<ObjectPtr> Objects::store_new(const Kind& kind, const ObjectKey& key, Json object,
                                           const WriteOptions& options) {
  if (kind.is_namespaced && !store_.get({"namespaces", "", key.ns}))
    return base::fail(Errc::kNotFound, fmt::format("namespaces \"{}\" not found", key.ns));
  if (kind.has_status) object.erase("status");
  add_identity(kind, key, object);
  TRY(admit(kind, object, nullptr, options.is_strict));
  add_built_in_defaults(kind, object, now());
  if (options.is_dry_run) return std::make_shared<const Json>(std::move(object));
  return store_.put(key, std::move(object));
}

base::Result<ObjectPtr> Objects::create(const Kind& kind, const std::string& ns, Json object,
                                        const WriteOptions& options) {
  TRY(check_shape(object));
  std::string name = name_of(object);
  const std::string prefix = text_at(object, "/metadata/generateName");
  if (name.empty() && !prefix.empty()) name = fmt::format("{}{:010x}", prefix, random_.next() & 0xffffffffff);
  const ObjectKey key{kind.resource(), kind.is_namespaced ? ns : "", name};
  if (store_.get(key)) return base::fail(Errc::kAlreadyExists, described(kind, name) + " already exists");
  object["metadata"].erase("managedFields");
  if (options.tracks_fields) track_update(nullptr, object, kind.schema.get(), options.manager, "", now());
  return store_new(kind, key, std::move(object), options);
}

base::Result<ObjectPtr> Objects::update(const Kind& kind, const std::string& ns, const std::string& name,
                                        Json object, const WriteOptions& options) {
  TRY_ASSIGN(const ObjectPtr old, get(kind, ns, name));
  TRY(check_shape(object));
  const std::string version = text_at(object, "/metadata/resourceVersion");
  if (!version.empty() && version != text_at(*old, "/metadata/resourceVersion"))
    return base::fail(
        Errc::kConflict,
        fmt::format("Operation cannot be fulfilled on {}: the object has been modified; please apply "
                    "your changes to the latest version and try again",
                    described(kind, name)));
  const std::string uid = uid_of(object);
  if (!uid.empty() && uid != uid_of(*old))
    return base::fail(Errc::kConflict,
                      described(kind, name) + " has another uid: it was deleted and made again");
  if (options.subresource == "status") {
    Json merged = *old;
    merged["status"] = value_at(object, "/status");
    object = std::move(merged);
  } else if (kind.has_status) {
    object.erase("status");
    if (old->contains("status")) object["status"] = (*old)["status"];
  }
  const ObjectKey key{kind.resource(), ns, name};
  if (options.tracks_fields) {
    track_update(*old, object, kind.schema.get(), options.manager, options.subresource, now());
  } else {
    object["metadata"]["managedFields"] = value_at(*old, "/metadata/managedFields");
  }
  return store_changed(kind, key, old, std::move(object), options);
}

base::Result<ObjectPtr> Objects::apply(const Kind& kind, const std::string& ns, const std::string& name,
                                       Json wanted, const WriteOptions& options) {
  TRY(check_shape(wanted));
  const ObjectKey key{kind.resource(), kind.is_namespaced ? ns : "", name};
  const ObjectPtr old = store_.get(key);
  if (kind.has_status) wanted.erase("status");
  const std::string version = text_at(wanted, "/metadata/resourceVersion");
  if (old && !version.empty() && version != text_at(*old, "/metadata/resourceVersion"))
    return base::fail(Errc::kConflict, described(kind, name) + ": the object has been modified");
  wanted["apiVersion"] = kind.api_version();
  wanted["metadata"].erase("resourceVersion");
  wanted["metadata"].erase("managedFields");
  const ApplyRequest request{options.manager, options.is_forced, now()};
  TRY_ASSIGN(Json merged, local::apply(old ? *old : Json(), wanted, kind.schema.get(), request));
  if (!old) return store_new(kind, key, std::move(merged), options);
  return store_changed(kind, key, old, std::move(merged), options);
}

base::Result<ObjectPtr> Objects::store_changed(const Kind& kind, const ObjectKey& key, const ObjectPtr& old,
                                               Json object, const WriteOptions& options) {
  object["apiVersion"] = kind.api_version();
  object["kind"] = kind.kind;
  Json& metadata = object["metadata"];
  for (const char* field : {"name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion",
                            "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    metadata.erase(field);
    if ((*old)["metadata"].contains(field)) metadata[field] = (*old)["metadata"][field];
  }
  if (metadata.value("managedFields", Json()).is_null()) metadata.erase("managedFields");
  // A finalizer can be removed from an object that newer rules would refuse.
  const bool is_spec_same = has_same_spec(*old, object);
  if (!is_spec_same || options.subresource == "status")
    TRY(admit(kind, object, old.get(), options.is_strict));
  if (!is_spec_same) add_built_in_defaults(kind, object, now());
  if (!has_same_spec(*old, object)) metadata["generation"] = number_at(*old, "/metadata/generation", 1) + 1;
  if (options.is_dry_run) return std::make_shared<const Json>(std::move(object));
  if (is_being_deleted(object) && !has_finalizers(object) && kind.kind != "Pod") {
    ObjectPtr last = std::make_shared<const Json>(std::move(object));
    store_.remove(key);
    return last;
  }
  if (is_same_but_for_bookkeeping(*old, object) &&
      (!options.tracks_fields ||
       value_at(*old, "/metadata/managedFields") == metadata.value("managedFields", Json())))
    return old;
  return store_.put(key, std::move(object));
}

base::Result<ObjectPtr> Objects::remove(const Kind& kind, const std::string& ns, const std::string& name,
                                        const DeletionOptions& options) {
  TRY_ASSIGN(const ObjectPtr old, get(kind, ns, name));
  if ((!options.uid.empty() && options.uid != uid_of(*old)) ||
      (!options.resource_version.empty() &&
       options.resource_version != text_at(*old, "/metadata/resourceVersion")))
    return base::fail(Errc::kConflict, described(kind, name) + ": the precondition does not hold");
  if (options.is_dry_run) return old;
  const ObjectKey key{kind.resource(), ns, name};
  if (options.is_orphaning) orphan_dependents(uid_of(*old));
  const bool is_pod = kind.kind == "Pod";
  if (!has_finalizers(*old) && !is_pod) {
    store_.remove(key);
    return old;
  }
  std::int64_t grace = options.grace_seconds;
  if (is_pod && grace < 0) grace = number_at(*old, "/spec/terminationGracePeriodSeconds", 30);
  grace = std::max<std::int64_t>(grace, 0);
  const bool is_sooner = grace < number_at(*old, "/metadata/deletionGracePeriodSeconds", 0);
  if (is_being_deleted(*old) && !is_sooner) return old;
  Json object = *old;
  object["metadata"]["deletionTimestamp"] = rfc3339(clock_.wall_ms() + grace * 1000);
  object["metadata"]["deletionGracePeriodSeconds"] = grace;
  return store_.put(key, std::move(object));
}

void Objects::orphan_dependents(const std::string& uid) {
  std::vector<std::pair<ObjectKey, ObjectPtr>> all(store_.objects().begin(), store_.objects().end());
  for (const auto& [key, object] : all) {
    const Json& owners = value_at(*object, "/metadata/ownerReferences");
    if (!owners.is_array()) continue;
    Json kept = Json::array();
    for (const Json& owner : owners)
      if (text_at(owner, "/uid") != uid) kept.push_back(owner);
    if (kept.size() == owners.size()) continue;
    Json changed = *object;
    changed["metadata"]["ownerReferences"] = std::move(kept);
    store_.put(key, std::move(changed));
  }
}

}  // namespace penstock::local
