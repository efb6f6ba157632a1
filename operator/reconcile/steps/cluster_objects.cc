#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/resources/quantity.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

}  // namespace

StepResult reconcile_service_account(ClusterContext& context) {
  CO_TRY(co_await apply_if_needed(context.deps, kube::kServiceAccountKind,
                                  resources::build_service_account(context.cluster)));
  co_return StepOutcome::go_on();
}

StepResult reconcile_services(ClusterContext& context) {
  CO_TRY(co_await apply_if_needed(context.deps, kube::kServiceKind,
                                  resources::build_brokers_service(context.cluster)));
  CO_TRY(co_await apply_if_needed(context.deps, kube::kServiceKind,
                                  resources::build_bootstrap_service(context.cluster)));
  co_return StepOutcome::go_on();
}

StepResult reconcile_config(ClusterContext& context) {
  Json config_map = resources::build_config_map(context.cluster);
  context.config_map_name = config_map["metadata"]["name"];
  CO_TRY(co_await apply_if_needed(context.deps, kube::kConfigMapKind, std::move(config_map)));
  co_return StepOutcome::go_on();
}

StepResult reconcile_disruption_budget(ClusterContext& context) {
  const auto done = co_await apply_if_needed(context.deps, kube::kPodDisruptionBudgetKind,
                                             resources::build_disruption_budget(context.cluster));
  // Optional: penstock-local has no evictions, and some clusters do not let us.
  if (!done && done.error().code() != base::Errc::kNotFound) co_return base::fail(done.error());
  co_return StepOutcome::go_on();
}

StepResult reconcile_stateful_set(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const Json& live = context.live_set();
  resources::KafkaCluster wanted = context.cluster;
  if (live.is_object() && live["spec"].contains("volumeClaimTemplates")) {
    // A claim template cannot be changed; volumes grow one by one (reconcile_volumes).
    const Json& claim = live["spec"]["volumeClaimTemplates"][0]["spec"];
    wanted.storage.size = claim["resources"]["requests"].value("storage", wanted.storage.size);
  }
  Json set =
      resources::build_stateful_set(wanted, context.identity, context.config_map_name, context.deps.options);
  context.pod_revision =
      set["spec"]["template"]["metadata"]["annotations"][resources::kPodRevisionAnnotation];
  const std::int32_t replicas = context.live_replicas();
  if (replicas > 0 && replicas != wanted.replicas)
    log.info("cluster {}: from {} to {} brokers", meta.key(), replicas, wanted.replicas);
  CO_TRY(co_await apply_if_needed(context.deps, kube::kStatefulSetKind, std::move(set)));
  co_return StepOutcome::go_on();
}

StepResult reconcile_volumes(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::string& wanted = context.cluster.storage.size;
  for (int ordinal = 0; ordinal < context.cluster.replicas; ++ordinal) {
    const std::string name = resources::claim_name(context.cluster, ordinal);
    const Json& claim = context.deps.store.claims.find(meta.ns, name);
    if (!claim.is_object() || !claim.contains("spec")) continue;
    const Json requests = claim["spec"].value("resources", Json::object()).value("requests", Json::object());
    const std::string live = requests.value("storage", "0");
    if (resources::parse_quantity(live).value_or(0) >= resources::parse_quantity(wanted).value_or(0))
      continue;
    Json patch;
    patch["spec"]["resources"]["requests"]["storage"] = wanted;
    auto grown = co_await context.deps.kube.merge_patch(kube::kPersistentVolumeClaimKind, meta.ns, name,
                                                        std::move(patch), "");
    if (!grown) {
      // A class that does not allow expansion refuses; the brokers run on with what they have.
      context.waiting_message =
          "volume " + name + " does not grow to " + wanted + ": " + grown.error().what();
      continue;
    }
    context.deps.store.claims.put(*grown);
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
