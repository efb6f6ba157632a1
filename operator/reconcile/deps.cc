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

}  // namespace

aio::Task<Result<>> apply_if_needed(Deps& deps, kube::Kind kind, Json desired) {
  const std::string ns = desired["metadata"]["namespace"];
  const std::string name = desired["metadata"]["name"];
  const Json& live = deps.store.of(kind).find(ns, name);
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

aio::Task<> emit_event(Deps& deps, const Json& object, std::string type, std::string reason,
                       std::string message, std::int64_t wall_ms) {
  const resources::ObjectMeta meta = resources::read_meta(object);
  if (message.size() > kEventNoteMax) message.resize(kEventNoteMax);
  const std::string now = resources::rfc3339(wall_ms);
  const std::string digest = resources::content_hash(meta.uid + "/" + std::to_string(meta.generation) + "/" +
                                                     reason + "/" + message);
  Json event = {{"apiVersion", "v1"}, {"kind", "Event"}};
  event["metadata"] = {{"name", meta.name + "." + digest}, {"namespace", meta.ns}};
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
  const auto created = co_await deps.kube.create(kube::kEventKind, std::move(event));
  if (!created && created.error().code() != Errc::kAlreadyExists)
    log.debug("event: {}", created.error().what());
}

bool is_pod_ready(const Json& pod) {
  // A pod that is being deleted keeps its condition for a while.
  return resources::find_condition(pod, "Ready").value("status", "") == "True" &&
         !pod["metadata"].contains("deletionTimestamp");
}

std::string ready_endpoints(const Deps& deps, const std::string& ns, const std::string& cluster_name) {
  std::string endpoints;
  for (const Json* pod : deps.store.pods.with_label(ns, resources::kClusterLabel, cluster_name)) {
    const std::string address = text_or(pod->value("status", Json::object()), "podIP");
    if (!is_pod_ready(*pod) || address.empty()) continue;
    if (!endpoints.empty()) endpoints += ',';
    endpoints += address.contains(':') ? "[" + address + "]" : address;
    endpoints += ":" + std::to_string(resources::kClientPort);
  }
  return endpoints;
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
