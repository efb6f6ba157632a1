#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/uuid.h"
#include "operator/reconcile/cluster_context.h"

namespace penstock::reconcile {
namespace {

using base::Result;
using resources::ClusterIdentity;

constexpr base::Logger log("reconcile");

// The identity that running pods or kept volumes already have; none when there are none.
std::optional<ClusterIdentity> find_existing(const ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const Json& set = context.live_set();
  if (set.is_object() && set["spec"].contains("volumeClaimTemplates")) {
    for (const Json& claim : set["spec"]["volumeClaimTemplates"]) {
      if (auto found = resources::read_identity_annotations(claim.value("metadata", Json::object())))
        return *found;
    }
  }
  for (const Json* claim :
       context.deps.store.claims.with_label(meta.ns, resources::kClusterLabel, meta.name)) {
    if (auto found = resources::read_identity_annotations((*claim)["metadata"])) return *found;
  }
  return std::nullopt;
}

}  // namespace

StepResult reconcile_identity(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::string name = resources::identity_name(context.cluster);
  const Json& live = context.deps.store.config_maps.find(meta.ns, name);
  if (live.is_object()) {
    CO_TRY(check_owner(kube::kConfigMapKind, build_identity(context.cluster, {}), live));
    CO_TRY_ASSIGN(context.identity, resources::read_identity(live));
    co_return StepOutcome::go_on();
  }
  if (auto existing = find_existing(context)) {
    log.info("cluster {} takes up the identity {} that its volumes have", meta.key(), existing->cluster_id);
    context.identity = std::move(*existing);
  } else {
    context.identity.cluster_id = base::Uuid::random(context.deps.random).to_string();
    for (int voter = 0; voter < context.cluster.controllers; ++voter)
      context.identity.directory_ids.push_back(base::Uuid::random(context.deps.random).to_string());
  }
  // Created, not applied: if our view is old and there is one already, it must not be overwritten.
  const Json wanted = build_identity(context.cluster, context.identity);
  auto created = co_await context.deps.kube.create(kube::kConfigMapKind, wanted);
  if (!created && created.error().code() == base::Errc::kAlreadyExists) {
    created = co_await context.deps.kube.get(kube::kConfigMapKind, meta.ns, name);
  }
  if (!created) co_return base::fail(created.error());
  CO_TRY(check_owner(kube::kConfigMapKind, wanted, *created));
  CO_TRY_ASSIGN(context.identity, resources::read_identity(*created));
  context.deps.store.config_maps.put(*created);
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
