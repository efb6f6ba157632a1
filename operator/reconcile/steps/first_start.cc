#include <algorithm>

#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster_context.h"
#include "operator/resources/first_start.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using base::Errc;
using resources::NodeIds;

bool is_marked(const Json& claim) {
  return resources::text_or(resources::child_of(claim["metadata"], "annotations"),
                            resources::kFormattedAnnotation) == "true";
}

// The ConfigMap's first content. Of a cluster that takes up volumes, whoever is not there any more has lost
// his, unless it never began.
NodeIds formatted_before(const ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const auto claims = context.deps.store.claims.with_label(meta.ns, resources::kClusterLabel, meta.name);
  const bool has_begun =
      std::any_of(claims.begin(), claims.end(), [](const Json* claim) { return is_marked(*claim); });
  return has_begun ? resources::initial_controllers(context.identity) : NodeIds();
}

// Created, then changed as it was seen, never applied: an older view must not forget who has begun.
aio::Task<base::Result<Json>> find_or_make(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::string name = resources::first_start_name(context.cluster);
  const Json& live = context.deps.store.config_maps.find(meta.ns, name);
  if (live.is_object()) co_return live;
  const NodeIds formatted = formatted_before(context);
  auto made = co_await context.deps.kube.create(
      kube::kConfigMapKind, resources::build_first_start(context.cluster, context.identity, formatted));
  if (!made && made.error().code() == Errc::kAlreadyExists)
    made = co_await context.deps.kube.get(kube::kConfigMapKind, meta.ns, name);
  if (made) context.deps.store.config_maps.put(*made);
  co_return made;
}

// On the claims too, which outlive the cluster.
StepResult mark_claims(ClusterContext& context, const NodeIds& ready) {
  const auto& meta = context.cluster.meta;
  for (const std::int32_t id : ready) {
    const std::string name = resources::claim_name(context.cluster, id - context.identity.node_id_base);
    const Json& claim = context.deps.store.claims.find(meta.ns, name);
    if (!claim.is_object() || is_marked(claim)) continue;
    Json patch;
    patch["metadata"]["annotations"][resources::kFormattedAnnotation] = "true";
    auto marked = co_await context.deps.kube.merge_patch(kube::kPersistentVolumeClaimKind, meta.ns, name,
                                                         std::move(patch), "");
    if (!marked && marked.error().code() == Errc::kNotFound) continue;
    if (!marked) co_return base::fail(marked.error());
    context.deps.store.claims.put(*marked);
  }
  co_return StepOutcome::go_on();
}

}  // namespace

StepResult reconcile_first_start(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const NodeIds initial = resources::initial_controllers(context.identity);
  NodeIds ready;
  for (const Json* pod : context.pods()) {
    const std::string name = resources::read_meta(*pod).name;
    const std::int32_t id = context.identity.node_id_base + std::atoi(name.c_str() + name.rfind('-') + 1);
    if (initial.contains(id) && is_pod_ready(*pod)) ready.insert(id);
  }
  CO_TRY_ASSIGN(const Json live, co_await find_or_make(context));
  CO_TRY_ASSIGN(NodeIds formatted, resources::read_formatted(live));
  formatted.insert(ready.begin(), ready.end());
  const Json wanted = resources::build_first_start(context.cluster, context.identity, formatted);
  CO_TRY(check_owner(kube::kConfigMapKind, wanted, live));
  if (live["data"] != wanted["data"]) {
    Json patch = {{"data", wanted["data"]},
                  {"metadata", {{"resourceVersion", live["metadata"]["resourceVersion"]}}}};
    CO_TRY_ASSIGN(const Json changed,
                  co_await context.deps.kube.merge_patch(kube::kConfigMapKind, meta.ns,
                                                         live["metadata"]["name"], std::move(patch), ""));
    context.deps.store.config_maps.put(changed);
  }
  co_return co_await mark_claims(context, ready);
}

}  // namespace penstock::reconcile
