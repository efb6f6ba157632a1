#include "operator/reconcile/cluster_context.h"

namespace penstock::reconcile {
namespace {

// How long a change behind our back may stand; no watch tells of it.
constexpr auto kDriftInterval = base::seconds(20);

}  // namespace

// min.insync.replicas is a dynamic default of the cluster: with eligible leader replicas on, Kafka's
// controller refuses it in a broker's own properties. It refuses to remove it too, so it always has a value.
StepResult reconcile_cluster_defaults(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, meta.name);
  if (endpoints.empty()) co_return StepOutcome::go_on();
  const auto admin = context.deps.admins.of(meta.key(), endpoints);
  const auto live = co_await admin->describe_defaults();
  if (!live) {
    context.is_kafka_silent = is_silence(live.error());
    co_return base::fail(live.error());
  }
  const auto found = live->find("min.insync.replicas");
  ConfigChanges changes;
  const std::string value = std::to_string(context.cluster.default_min_in_sync_replicas());
  if (found == live->end() || found->second != value) changes["min.insync.replicas"] = value;
  if (!changes.empty()) CO_TRY(co_await admin->alter_defaults(std::move(changes)));
  co_return StepOutcome::requeue_after(kDriftInterval);
}

}  // namespace penstock::reconcile
