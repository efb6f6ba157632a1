// One pass over one KafkaCluster, as its steps see it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/deps.h"
#include "operator/reconcile/step.h"
#include "operator/resources/kafka_cluster.h"

namespace penstock::reconcile {

struct ClusterContext {
  Deps& deps;
  std::shared_ptr<const Json> object;  // As stored when the pass began.
  std::int64_t wall_ms = 0;
  resources::KafkaCluster cluster{};
  resources::ClusterIdentity identity{};
  std::string admin_token{};  // What the brokers' admin ports ask for.
  std::string config_map_name{};
  std::string pod_revision{};
  // As the resource asks; cluster.replicas is more while brokers that go are being emptied.
  std::int32_t replicas_wanted = 0;
  std::int32_t rolled_from = 0;  // Pods with lower ordinals are not replaced in this pass.
  bool is_spec_valid = false;
  bool is_suspended = false;
  std::string blocked_reason{};  // Why the cluster cannot become what is asked: goes to Ready and Stalled.
  std::string blocked_message{};
  bool is_kafka_silent = false;   // No broker answered, although a pod is ready.
  std::string waiting_message{};  // What the cluster waits for, when nothing is wrong.

  std::optional<ClusterView> view{};  // As the brokers see it; none when none could be asked.
  // Pods that are being replaced, when there are any of an older revision or one is on its way back.
  struct Rollout {
    std::size_t total = 0;
    std::size_t updated = 0;
    std::int32_t broker = -1;  // Whose stop is reserved.
    std::string message{};     // What it waits for.
  };
  std::optional<Rollout> rollout{};
  base::Duration look_again{};  // When to look without being told of a change; zero: as the steps say.

  void look_again_in(base::Duration delay) {
    look_again = look_again > base::Duration::zero() ? std::min(look_again, delay) : delay;
  }
  // The StatefulSet as it is; null before there is one, which is a set without replicas.
  const Json& live_set() const { return deps.store.stateful_sets.find(cluster.meta.ns, cluster.meta.name); }
  std::int32_t live_replicas() const;
  std::vector<const Json*> pods() const { return broker_pods(deps, cluster.meta.ns, cluster.meta.name); }
  std::int32_t node_id_of(const Json& pod) const { return identity.node_id_base + ordinal_of(pod); }
  const Json* pod_of(std::int32_t node_id) const;  // Null when there is none.
  AdminPort admin_port(const Json& pod) const;
  // That of the active controller; none when nobody knows it or it is no pod of ours.
  std::optional<AdminPort> controller_port() const;
};

StepResult validate_cluster(ClusterContext& context);
StepResult reconcile_identity(ClusterContext& context);
StepResult reconcile_admin_secret(ClusterContext& context);
StepResult observe_brokers(ClusterContext& context);
StepResult report_deaths(ClusterContext& context);
StepResult reconcile_scale_down(ClusterContext& context);
StepResult reconcile_quorum_voters(ClusterContext& context);
StepResult reconcile_first_start(ClusterContext& context);
StepResult reconcile_service_account(ClusterContext& context);
StepResult reconcile_services(ClusterContext& context);
StepResult check_config(ClusterContext& context);
StepResult reconcile_config(ClusterContext& context);
StepResult reconcile_disruption_budget(ClusterContext& context);
StepResult reconcile_stateful_set(ClusterContext& context);
StepResult reconcile_volumes(ClusterContext& context);
StepResult roll_pods(ClusterContext& context);
StepResult remove_old_configs(ClusterContext& context);
StepResult unregister_brokers(ClusterContext& context);
StepResult remove_move_throttles(ClusterContext& context);
StepResult raise_internal_topics(ClusterContext& context);
StepResult reconcile_cluster_defaults(ClusterContext& context);

// The status that the pass arrived at. `error`: what stopped it, or null.
Json cluster_status(const ClusterContext& context, const base::Error* error);

}  // namespace penstock::reconcile
