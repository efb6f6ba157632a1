#include <nlohmann/json.hpp>

#include "operator/reconcile/topic_context.h"

namespace penstock::reconcile {
namespace {

using resources::Condition;

struct Verdict {
  std::string ready = "False";
  bool is_stalled = false;
  std::string reason;
  std::string message;
};

Verdict judge(const TopicContext& context, const base::Error* error) {
  Verdict verdict;
  if (!context.blocked_reason.empty()) {
    verdict = {"False", true, context.blocked_reason, context.blocked_message};
  } else if (error && context.is_kafka_silent) {
    // The same words as long as it lasts, whichever call it was that failed: status does not churn.
    verdict = {"False", false, "ClusterUnreachable",
               "no broker of KafkaCluster " + context.topic.cluster_name + " answers"};
  } else if (error) {
    verdict = {"False", false, reason_of(*error), error->what()};
  } else if (!context.waiting_reason.empty()) {
    verdict = {"False", false, context.waiting_reason, context.waiting_message};
  } else if (context.is_suspended) {
    verdict = {"Unknown", false, "Suspended", "spec.suspend is true: nothing is changed"};
  } else {
    verdict = {"True", false, "Synced", "the topic is as asked"};
  }
  return verdict;
}

std::string reachability(const TopicContext& context, const base::Error* error) {
  if (error && context.is_kafka_silent) return "False";
  if (context.is_cluster_reachable) return "True";
  return context.waiting_reason.empty() ? "Unknown" : "False";
}

}  // namespace

Json topic_status(const TopicContext& context, const base::Error* error) {
  const std::int64_t generation = context.topic.meta.generation;
  Json status = context.object->value("status", Json::object());
  Json conditions = status.value("conditions", Json::array());
  const std::string now = resources::rfc3339(context.wall_ms);
  const auto set = [&](Condition condition) {
    resources::set_condition(conditions, condition, generation, now);
  };
  status["observedGeneration"] = generation;
  if (context.state) {
    // Only a resource that has the topic names it: its deletion goes by this name.
    status["topicName"] = context.topic_name;
    status["clusterName"] = context.topic.cluster_name;
    if (!context.state->id.empty()) status["topicId"] = context.state->id;
    status["partitions"] = context.state->partitions;
    status["replicationFactor"] = context.state->replication_factor;
  }
  if (context.state) {
    if (context.reassignment) {
      status["reassignment"] = {{"partitionsTotal", context.reassignment->total},
                                {"partitionsRemaining", context.reassignment->remaining}};
    } else {
      status.erase("reassignment");
    }
  }
  const Verdict verdict = judge(context, error);
  set({"Ready", verdict.ready, verdict.reason, verdict.message});
  set({"Synced", verdict.ready, verdict.reason, verdict.message});
  const std::string reachable = reachability(context, error);
  set({"ClusterReachable", reachable,
       reachable == "True"    ? "Reached"
       : reachable == "False" ? verdict.reason
                              : "NotTried",
       reachable == "False" ? verdict.message : ""});
  const bool is_moving = verdict.ready == "False" && !verdict.is_stalled;
  set({"Reconciling", is_moving ? "True" : "False", is_moving ? verdict.reason : "Settled",
       is_moving ? verdict.message : ""});
  set({"Stalled", verdict.is_stalled ? "True" : "False", verdict.is_stalled ? verdict.reason : "NotStalled",
       verdict.is_stalled ? verdict.message : ""});
  if (context.state) {
    set({"Reassigning", context.reassignment ? "True" : "False",
         context.reassignment ? "ReplicationFactorChanges" : "Settled",
         context.reassignment ? context.waiting_message : ""});
  }
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace penstock::reconcile
