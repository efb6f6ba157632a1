// One pass over one KafkaCluster, as its steps see it.
#pragma once

#include <cstdint>
#include <memory>
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
  bool is_spec_valid = false;
  bool is_suspended = false;
  std::string blocked_reason{};  // Why the cluster cannot become what is asked: goes to Ready and Stalled.
  std::string blocked_message{};
  bool is_kafka_silent = false;   // No broker answered, although a pod is ready.
  std::string waiting_message{};  // What the cluster waits for, when nothing is wrong.

  std::vector<const Json*> pods() const { return broker_pods(deps, cluster.meta.ns, cluster.meta.name); }
  std::int32_t node_id_of(const Json& pod) const { return identity.node_id_base + ordinal_of(pod); }
};

StepResult validate_cluster(ClusterContext& context);
StepResult reconcile_identity(ClusterContext& context);
StepResult reconcile_admin_secret(ClusterContext& context);
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
StepResult remove_move_throttles(ClusterContext& context);
StepResult raise_internal_topics(ClusterContext& context);
StepResult reconcile_cluster_defaults(ClusterContext& context);

// The status that the pass arrived at. `error`: what stopped it, or null.
Json cluster_status(const ClusterContext& context, const base::Error* error);

}  // namespace penstock::reconcile
