#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

bool is_current(const ClusterContext& context, const Json& pod) {
  const Json annotations = pod["metadata"].value("annotations", Json::object());
  return resources::text_or(annotations, resources::kPodRevisionAnnotation) == context.pod_revision;
}

}  // namespace

// Replaces pods of an older revision, one at a time, each when all others serve. A pod that does not serve
// anyway goes first: it may be waiting for exactly this change.
StepResult roll_pods(ClusterContext& context) {
  const Json* next = nullptr;
  for (const Json* pod : context.pods()) {
    if ((*pod)["metadata"].contains("deletionTimestamp")) {
      context.waiting_message = "pod " + resources::read_meta(*pod).name + " is stopping";
      co_return StepOutcome::go_on();
    }
    if (is_current(context, *pod)) {
      if (is_pod_ready(*pod)) continue;
      co_return StepOutcome::go_on();
    }
    if (!next || (is_pod_ready(*next) && !is_pod_ready(*pod))) next = pod;
  }
  if (!next) co_return StepOutcome::go_on();
  const resources::ObjectMeta meta = resources::read_meta(*next);
  log.info("restart pod {}: its configuration or template changed", meta.key());
  context.waiting_message = "pod " + meta.name + " restarts with the new configuration";
  kube::DeleteOptions only_this;
  only_this.uid = meta.uid;
  const auto removed =
      co_await context.deps.kube.remove(kube::kPodKind, meta.ns, meta.name, std::move(only_this));
  // A conflict: there is a newer pod of that name already.
  if (!removed && removed.error().code() != base::Errc::kConflict) co_return base::fail(removed.error());
  co_return StepOutcome::go_on();
}

StepResult remove_old_configs(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::vector<const Json*> pods = context.pods();
  const auto is_settled = [&context](const Json* pod) { return is_current(context, *pod); };
  // A pod that is not there yet may still be made from the StatefulSet as its controller last saw it.
  if (pods.size() < static_cast<std::size_t>(context.cluster.replicas) ||
      !std::all_of(pods.begin(), pods.end(), is_settled)) {
    co_return StepOutcome::go_on();
  }
  std::vector<resources::ObjectMeta> old;
  for (const Json* config_map :
       context.deps.store.config_maps.with_label(meta.ns, resources::kClusterLabel, meta.name)) {
    const Json& labels = (*config_map)["metadata"]["labels"];
    const resources::ObjectMeta found = resources::read_meta(*config_map);
    const bool is_config = resources::text_or(labels, resources::kComponentLabel) == "config";
    if (is_config && found.name != context.config_map_name && !found.is_deleting) old.push_back(found);
  }
  for (const resources::ObjectMeta& one : old) {
    kube::DeleteOptions only_this;
    only_this.uid = one.uid;
    CO_TRY(co_await context.deps.kube.remove(kube::kConfigMapKind, one.ns, one.name, std::move(only_this)));
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
