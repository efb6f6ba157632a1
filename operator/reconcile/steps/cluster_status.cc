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
    if (const std::string ip = text_or(status, "podIP"); !ip.empty()) {
      row["address"] =
          (ip.contains(':') ? "[" + ip + "]" : ip) + ":" + std::to_string(resources::kClientPort);
    }
    rows.push_back(std::move(row));
  }
  return rows;
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
  return {"True", false, "AllBrokersReady", counts};
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
  set({"Available", ready > 0 ? "True" : "False", ready > 0 ? "BrokersServe" : "NoBrokerReady",
       std::to_string(ready) + " brokers serve clients"});
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
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace penstock::reconcile
