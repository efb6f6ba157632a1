#include "operator/reconcile/deps.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/resources/diff.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using base::Errc;
using base::Result;
using resources::text_or;

constexpr base::Logger log("reconcile");
constexpr std::size_t kEventNoteMax = 1000;
// With the digest that follows it stays below the 253 characters of a name.
constexpr std::size_t kEventNameMax = 230;

std::string title(kube::Kind kind, const Json& object) {
  return std::string(kind.kind) + " " + resources::read_meta(object).key();
}

// The uid of the controller among the owners; empty when there is none.
std::string controller_of(const Json& object) {
  for (const Json& owner : object["metadata"].value("ownerReferences", Json::array())) {
    if (owner.value("controller", false)) return text_or(owner, "uid");
  }
  return {};
}

std::string label_of(const Json& object, const char* label) {
  return text_or(object["metadata"].value("labels", Json::object()), label);
}

// "demo-7" for "demo".
bool is_ordinal_name(const std::string& name, const std::string& cluster_name) {
  return name.size() > cluster_name.size() + 1 && name.starts_with(cluster_name + "-") &&
         name.find_first_not_of("0123456789", cluster_name.size() + 1) == std::string::npos;
}

// Says it again: the event that is there is counted up.
aio::Task<> repeat_event(Deps& deps, Json event, std::int64_t wall_ms) {
  const std::string ns = event["metadata"]["namespace"];
  const std::string name = event["metadata"]["name"];
  const auto live = co_await deps.kube.get(kube::kEventKind, ns, name);
  if (!live) co_return;
  const auto last = resources::parse_rfc3339(text_or(*live, "lastTimestamp"));
  if (last && wall_ms - *last < kEventQuietMs) co_return;
  Json patch;
  patch["count"] = live->value("count", 1) + 1;
  patch["lastTimestamp"] = event["lastTimestamp"];
  patch["message"] = event["message"];
  const auto counted = co_await deps.kube.merge_patch(kube::kEventKind, ns, name, std::move(patch), "");
  if (!counted) log.debug("event: {}", counted.error().what());
}

}  // namespace

Result<> check_owner(kube::Kind kind, const Json& desired, const Json& live) {
  const bool has_our_labels =
      label_of(live, resources::kManagedByLabel) == resources::kManagedByValue &&
      label_of(live, resources::kClusterLabel) == label_of(desired, resources::kClusterLabel);
  const std::string controller = controller_of(live);
  const bool is_former = has_our_labels && !controller.empty() && controller != controller_of(desired);
  if (is_former || (has_our_labels && resources::read_meta(live).is_deleting)) {
    return base::fail(Errc::kConflict, title(kind, live) + " is from before and is being removed");
  }
  // Without a controller it has lost its owner, which is put right.
  if (has_our_labels) return {};
  return base::fail(Errc::kConflict, title(kind, live) +
                                         " is there already and belongs to somebody else; remove it, or give "
                                         "the KafkaCluster another name");
}

aio::Task<Result<>> apply_if_needed(Deps& deps, kube::Kind kind, Json desired) {
  const std::string ns = desired["metadata"]["namespace"];
  const std::string name = desired["metadata"]["name"];
  Json live = deps.store.of(kind).find(ns, name);
  if (!live.is_object()) {
    // The store has only what carries our labels. What others made under this name must not become ours.
    auto found = co_await deps.kube.get(kind, ns, name);
    if (!found && found.error().code() != Errc::kNotFound) co_return base::fail(found.error());
    if (found) live = std::move(*found);
  }
  if (live.is_object()) CO_TRY(check_owner(kind, desired, live));
  if (live.is_object() && resources::is_covered(desired, live)) co_return Result<>();
  log.info("{} {} {}/{}", live.is_object() ? "update" : "create", kind.kind, ns, name);
  auto applied = co_await deps.kube.apply(kind, std::move(desired), {});
  if (!applied) co_return base::fail(applied.error());
  deps.store.of(kind).put(*applied);
  co_return Result<>();
}

aio::Task<Result<>> write_status(Deps& deps, kube::Kind kind, const Json& object, Json status) {
  const Json patch = resources::merge_patch_between(object.value("status", Json::object()), status);
  if (patch.empty()) co_return Result<>();
  const resources::ObjectMeta meta = resources::read_meta(object);
  Json body;
  body["status"] = patch;
  auto written = co_await deps.kube.merge_patch(kind, meta.ns, meta.name, std::move(body), "status");
  // It may have been deleted meanwhile: then there is nothing to report on.
  if (!written && written.error().code() == Errc::kNotFound) co_return Result<>();
  if (!written) co_return base::fail(written.error());
  deps.store.of(kind).put(*written);
  co_return Result<>();
}

aio::Task<Result<bool>> is_still_there(Deps& deps, kube::Kind kind, const Json& object) {
  const resources::ObjectMeta meta = resources::read_meta(object);
  const auto live = co_await deps.kube.get(kind, meta.ns, meta.name);
  if (!live && live.error().code() == Errc::kNotFound) co_return false;
  if (!live) co_return base::fail(live.error());
  const resources::ObjectMeta now = resources::read_meta(*live);
  co_return now.uid == meta.uid&& now.is_deleting == meta.is_deleting;
}

aio::Task<> emit_event(Deps& deps, const Json& object, std::string type, std::string reason,
                       std::string message, std::int64_t wall_ms) {
  const resources::ObjectMeta meta = resources::read_meta(object);
  if (message.size() > kEventNoteMax) message.resize(kEventNoteMax);
  const std::string now = resources::rfc3339(wall_ms);
  // The type too: a broker that is lost must not be counted up as one that has yet to start.
  const std::string digest =
      resources::content_hash(meta.uid + "/" + std::to_string(meta.generation) + "/" + type + "/" + reason);
  Json event = {{"apiVersion", "v1"}, {"kind", "Event"}};
  event["metadata"] = {{"name", meta.name.substr(0, kEventNameMax) + "." + digest}, {"namespace", meta.ns}};
  event["involvedObject"] = {{"apiVersion", object["apiVersion"]},
                             {"kind", object["kind"]},
                             {"name", meta.name},
                             {"namespace", meta.ns},
                             {"uid", meta.uid}};
  event["type"] = std::move(type);
  event["reason"] = std::move(reason);
  event["message"] = std::move(message);
  event["source"] = {{"component", "penstock-operator"}};
  event["reportingComponent"] = "penstock-operator";
  event["firstTimestamp"] = now;
  event["lastTimestamp"] = now;
  event["count"] = 1;
  const auto created = co_await deps.kube.create(kube::kEventKind, event);
  if (created) co_return;
  if (created.error().code() == Errc::kAlreadyExists) {
    co_await repeat_event(deps, std::move(event), wall_ms);
  } else {
    log.debug("event: {}", created.error().what());
  }
}

std::vector<const Json*> broker_pods(const Deps& deps, const std::string& ns,
                                     const std::string& cluster_name) {
  std::vector<const Json*> pods = deps.store.pods.with_label(ns, resources::kClusterLabel, cluster_name);
  std::erase_if(pods, [&cluster_name](const Json* pod) {
    return label_of(*pod, resources::kComponentLabel) != "broker" ||
           !is_ordinal_name(resources::read_meta(*pod).name, cluster_name);
  });
  return pods;
}

std::int32_t ordinal_of(const Json& pod) {
  const std::string name = resources::read_meta(pod).name;
  return std::atoi(name.c_str() + name.rfind('-') + 1);
}

bool is_pod_ready(const Json& pod) {
  // A pod that is being deleted keeps its condition for a while.
  return resources::find_condition(pod, "Ready").value("status", "") == "True" &&
         !pod["metadata"].contains("deletionTimestamp");
}

std::string ready_endpoints(const Deps& deps, const std::string& ns, const std::string& cluster_name) {
  std::string endpoints;
  for (const Json* pod : broker_pods(deps, ns, cluster_name)) {
    const std::string address = text_or(pod->value("status", Json::object()), "podIP");
    if (!is_pod_ready(*pod) || address.empty()) continue;
    if (!endpoints.empty()) endpoints += ',';
    endpoints += address.contains(':') ? "[" + address + "]" : address;
    endpoints += ":" + std::to_string(resources::kClientPort);
  }
  return endpoints;
}

bool is_silence(const base::Error& error) {
  return error.code() == Errc::kUnavailable || error.code() == Errc::kTimedOut;
}

std::string reason_of(const base::Error& error) {
  switch (error.code()) {
    case Errc::kPermissionDenied:
      return "Forbidden";
    case Errc::kInvalidArgument:
      return "Refused";
    case Errc::kConflict:
    case Errc::kAlreadyExists:
      return "Conflicting";
    case Errc::kUnavailable:
    case Errc::kTimedOut:
      return "Unavailable";
    default:
      return "Error";
  }
}

}  // namespace penstock::reconcile
