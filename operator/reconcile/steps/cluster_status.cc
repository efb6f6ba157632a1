#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using resources::Condition;
using resources::text_or;

Json broker_rows(const ClusterContext& context, int& ready) {
  Json rows = Json::array();
  ready = 0;
  for (const Json* pod : context.pods()) {
    const std::string name = resources::read_meta(*pod).name;
    const Json status = pod->value("status", Json::object());
    const bool is_ready = is_pod_ready(*pod);
    ready += is_ready;
    int restarts = 0;
    if (status.contains("containerStatuses") && !status["containerStatuses"].empty()) {
      restarts = status["containerStatuses"][0].value("restartCount", 0);
    }
    Json row = {{"id", context.node_id_of(*pod)}, {"pod", name}, {"ready", is_ready}, {"restarts", restarts}};
    if (context.view) {
      const auto* broker = context.view->find(context.node_id_of(*pod));
      row["fenced"] = broker == nullptr || broker->is_fenced;
    }
    if (const std::string ip = text_or(status, "podIP"); !ip.empty()) {
      row["address"] =
          (ip.contains(':') ? "[" + ip + "]" : ip) + ":" + std::to_string(resources::kClientPort);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string counted(std::int64_t count, const char* what) {
  return std::to_string(count) + (count == 1 ? " partition is " : " partitions are ") + what;
}

// Brokers of ours that are registered and not fenced; as many as are ready when nobody could be asked.
int serving(const ClusterContext& context, int ready) {
  if (!context.view) return ready;
  int count = 0;
  for (const Json* pod : context.pods()) {
    count += is_pod_ready(*pod) && context.view->is_serving(context.node_id_of(*pod));
  }
  return count;
}

// Partitions that cannot be written, the worst first; empty when there are none.
std::pair<std::string, std::string> partition_trouble(const ClusterContext& context) {
  if (!context.view) return {};
  if (context.view->offline > 0)
    return {"PartitionsOffline", counted(context.view->offline, "without a leader")};
  if (context.view->under_min_isr > 0)
    return {"PartitionsUnderMinISR", counted(context.view->under_min_isr, "below min.insync.replicas")};
  return {};
}

struct Verdict {
  std::string ready;
  bool is_stalled;
  std::string reason;
  std::string message;
};

Verdict judge(const ClusterContext& context, int ready, const base::Error* error) {
  if (!context.blocked_reason.empty())
    return {"False", true, context.blocked_reason, context.blocked_message};
  // The same words as long as it lasts, whichever call it was that failed: status and events do not churn.
  if (error && context.is_kafka_silent) {
    return {"False", false, "BrokersUnreachable", "no broker answers the operator's Kafka client"};
  }
  if (error) return {"False", false, reason_of(*error), error->what()};
  const int wanted = context.cluster.replicas;
  const std::string counts = std::to_string(ready) + " of " + std::to_string(wanted) + " brokers are ready";
  // Whether it is as asked is not looked at.
  if (context.is_suspended) {
    return {"Unknown", false, "Suspended", "spec.suspend is true: nothing is changed; " + counts};
  }
  if (!context.waiting_message.empty()) return {"False", false, "Progressing", context.waiting_message};
  if (ready < wanted) return {"False", false, "BrokersNotReady", counts};
  if (const int count = serving(context, ready); count < wanted) {
    return {"False", false, "BrokersFenced",
            std::to_string(count) + " of " + std::to_string(wanted) + " brokers are in service"};
  }
  if (const auto [reason, message] = partition_trouble(context); !reason.empty())
    return {"False", false, reason, message};
  return {"True", false, "AllBrokersReady", counts};
}

Condition available(const ClusterContext& context, int ready) {
  if (ready == 0) return {"Available", "False", "NoBrokerReady", "0 brokers serve clients"};
  if (const auto [reason, message] = partition_trouble(context); !reason.empty())
    return {"Available", "False", reason, message};
  // What the brokers told of partitions is from before: without a controller no ISR shrinks and no leader
  // moves.
  if (context.view && context.view->controller < 0 && ready < context.cluster.replicas) {
    return {"Available", "False", "NoActiveController",
            std::to_string(ready) + " of " + std::to_string(context.cluster.replicas) +
                " brokers are ready, and they have no active controller"};
  }
  return {"Available", "True", "BrokersServe", std::to_string(ready) + " brokers serve clients"};
}

// Something is missing that the cluster is to have, whether or not it can do without.
Condition degraded(const ClusterContext& context, int ready) {
  if (const auto [reason, message] = partition_trouble(context); !reason.empty())
    return {"Degraded", "True", reason, message};
  const int wanted = context.cluster.replicas;
  if (const int count = serving(context, ready); count < wanted) {
    return {"Degraded", "True", "BrokersMissing",
            std::to_string(count) + " of " + std::to_string(wanted) + " brokers are in service"};
  }
  if (!context.view) return {"Degraded", "Unknown", "NotAsked", "no broker told how its partitions are"};
  if (const std::int64_t count = context.view->under_replicated; count > 0)
    return {"Degraded", "True", "PartitionsUnderReplicated", counted(count, "under-replicated")};
  return {"Degraded", "False", "AllInSync", ""};
}

// What the brokers told. What they do not know at the moment stays as it was: the last failover is known to
// the active controller alone, and to the next one not at all.
void add_view(const ClusterContext& context, Json& status) {
  if (!context.view) return;
  const ClusterView& view = *context.view;
  status["controllerId"] = view.controller;
  if (!view.voters.empty()) status["voters"] = view.voters;
  status["underReplicatedPartitions"] = view.under_replicated;
  status["underMinISRPartitions"] = view.under_min_isr;
  status["offlinePartitions"] = view.offline;
  status["fencedBrokers"] = std::count_if(view.brokers.begin(), view.brokers.end(),
                                          [](const auto& broker) { return broker.is_fenced; });
  if (view.last_failover) {
    status["lastFailover"] = {{"milliseconds", view.last_failover->ms},
                              {"brokerId", view.last_failover->broker},
                              {"time", resources::rfc3339(view.last_failover->at_wall_ms)}};
  }
}

void add_rollout(const ClusterContext& context, Json& status) {
  if (!context.rollout) {
    status.erase("rollout");
    return;
  }
  status["rollout"] = {{"podsTotal", context.rollout->total}, {"podsUpdated", context.rollout->updated}};
  if (!context.rollout->message.empty()) status["rollout"]["message"] = context.rollout->message;
  if (context.rollout->broker >= 0) status["rollout"]["brokerId"] = context.rollout->broker;
}

}  // namespace

Json cluster_status(const ClusterContext& context, const base::Error* error) {
  const resources::ObjectMeta& meta = context.cluster.meta;
  Json status = context.object->value("status", Json::object());
  Json conditions = status.value("conditions", Json::array());
  const std::string now = resources::rfc3339(context.wall_ms);
  const auto set = [&](Condition condition) {
    resources::set_condition(conditions, condition, meta.generation, now);
  };
  int ready = 0;
  Json rows = broker_rows(context, ready);
  status["observedGeneration"] = meta.generation;
  status["replicas"] = rows.size();
  status["readyReplicas"] = ready;
  set(available(context, ready));
  set({"Suspended", context.is_suspended ? "True" : "False", context.is_suspended ? "Suspended" : "Running",
       context.is_suspended ? "spec.suspend is true: nothing is changed" : ""});
  if (context.is_spec_valid && !context.identity.cluster_id.empty()) {
    const std::string bootstrap = resources::bootstrap_servers(context.cluster);
    status["clusterId"] = context.identity.cluster_id;
    status["selector"] = resources::pod_selector_text(context.cluster);
    status["bootstrapServers"] = bootstrap;
    status["listeners"] = Json::array({Json{{"name", "PLAINTEXT"}, {"bootstrapServers", bootstrap}}});
    status["brokers"] = std::move(rows);
  }
  const Verdict verdict = judge(context, ready, error);
  set({"Ready", verdict.ready, verdict.reason, verdict.message});
  const bool is_moving = verdict.ready == "False" && !verdict.is_stalled;
  set({"Reconciling", is_moving ? "True" : "False", is_moving ? verdict.reason : "Settled",
       is_moving ? verdict.message : ""});
  set({"Stalled", verdict.is_stalled ? "True" : "False", verdict.is_stalled ? verdict.reason : "NotStalled",
       verdict.is_stalled ? verdict.message : ""});
  if (context.is_spec_valid && !context.is_suspended) {
    set(degraded(context, ready));
    add_view(context, status);
    add_rollout(context, status);
  }
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace penstock::reconcile
