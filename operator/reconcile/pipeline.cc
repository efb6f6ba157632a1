#include "operator/reconcile/pipeline.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace penstock::reconcile {
namespace {

using base::Result;

constexpr auto kClusterPipeline = std::to_array<StepRow<ClusterContext>>({
    // Nothing that runs is touched for the sake of a resource that is wrong.
    {"validate", validate_cluster},
    // Before everything that carries the ids, so that a second identity is never made.
    {"identity", reconcile_identity},
    {"admin secret", reconcile_admin_secret},
    {"brokers", observe_brokers},
    {"deaths", report_deaths},
    // Before everything that is made for as many brokers as there are.
    {"scale down", reconcile_scale_down},
    {"quorum voters", reconcile_quorum_voters},
    {"service account", reconcile_service_account},
    {"services", reconcile_services},
    {"config check", check_config},
    // Before the StatefulSet, whose pods mount them.
    {"config", reconcile_config},
    {"first start", reconcile_first_start},
    {"disruption budget", reconcile_disruption_budget},
    {"stateful set", reconcile_stateful_set},
    {"volumes", reconcile_volumes},
    {"roll", roll_pods},
    // After the roll: old pods need their old config until they are gone.
    {"old configs", remove_old_configs},
    // The rest needs brokers that answer.
    {"gone brokers", unregister_brokers},
    {"internal topics", raise_internal_topics},
    {"throttles", remove_move_throttles},
    {"cluster defaults", reconcile_cluster_defaults},
});

constexpr auto kTopicPipeline = std::to_array<StepRow<TopicContext>>({
    // First: a resource that goes must be let go even if its spec is wrong.
    {"delete", delete_topic},
    {"validate", validate_topic},
    {"conflicts", check_conflicts},
    {"cluster", reach_cluster},
    // The finalizer stands before the topic does, so that no topic is forgotten.
    {"hold", hold_topic},
    {"observe", observe_topic},
    {"moves", observe_moves},
    {"min ISR", check_min_isr},
    {"create", create_topic},
    // Before partitions: these cannot be taken back if the configs are then refused.
    {"config", reconcile_topic_config},
    {"partitions", reconcile_partitions},
    // Last, since it takes long: after min.insync.replicas was lowered, and before it is raised.
    {"replication", reconcile_replication},
});

template <typename Context>
aio::Task<Result<PassOutcome>> run_steps(std::span<const StepRow<Context>> rows, Context& context) {
  PassOutcome outcome;
  for (const StepRow<Context>& row : rows) {
    const auto done = co_await row.run(context);
    if (!done) co_return base::fail(done.error().context(row.name));
    if (done->next == StepOutcome::Next::kNext) continue;
    outcome.requeue_after = done->delay;
    break;
  }
  co_return outcome;
}

// Of a cluster that does not answer its own events tell; those of a thousand topics would tell nothing new.
bool is_quiet(const std::string& reason) {
  return reason == "ClusterNotReady" || reason == "ClusterUnreachable";
}

struct Ready {
  std::string status;
  std::string reason;
  std::string message;
  std::int64_t generation = 0;
};

Ready ready_of(const Json& object) {
  const Json& condition = resources::find_condition(object, "Ready");
  if (!condition.is_object()) return {};
  return {condition.value("status", ""), condition.value("reason", ""), condition.value("message", ""),
          condition.value("observedGeneration", std::int64_t{0})};
}

// An event when readiness or its reason changes: what a person would want to read in `kubectl describe`.
aio::Task<> report_change(Deps& deps, const Json& object, const Json& status, std::int64_t wall_ms) {
  Json next = object;
  next["status"] = status;
  const Ready before = ready_of(object);
  const Ready after = ready_of(next);
  const bool is_same_generation = before.generation == after.generation;
  if (before.reason == after.reason && is_same_generation) co_return;
  if (is_quiet(after.reason)) co_return;
  const bool has_topic = object.value("status", Json::object()).contains("topicId");
  if (is_quiet(before.reason) && is_same_generation && has_topic) co_return;
  static constexpr std::array kWarnings = {"ClusterNotFound", "BrokersUnreachable", "Forbidden",
                                           "Refused",         "Conflicting",        "Error"};
  const bool is_warning = resources::find_condition(next, "Stalled").value("status", "") == "True" ||
                          (before.status == "True" && after.status == "False" && is_same_generation) ||
                          std::find(kWarnings.begin(), kWarnings.end(), after.reason) != kWarnings.end();
  co_await emit_event(deps, object, is_warning ? "Warning" : "Normal", after.reason, after.message, wall_ms);
}

}  // namespace

std::span<const StepRow<ClusterContext>> cluster_pipeline() { return kClusterPipeline; }
std::span<const StepRow<TopicContext>> topic_pipeline() { return kTopicPipeline; }

aio::Task<Result<PassOutcome>> reconcile_cluster(Deps& deps, std::string ns, std::string name,
                                                 std::int64_t wall_ms) {
  const Json& live = deps.store.clusters.find(ns, name);
  // What belongs to a cluster that is deleted goes with it, by its owner references.
  if (live.is_null()) {
    deps.admins.forget(ns + "/" + name);
    deps.processes.forget(ns + "/" + name);
  }
  if (live.is_null() || resources::read_meta(live).is_deleting) co_return PassOutcome{};
  ClusterContext context{.deps = deps, .object = std::make_shared<Json>(live), .wall_ms = wall_ms};
  auto outcome = co_await run_steps(cluster_pipeline(), context);
  if (outcome && context.look_again > base::Duration::zero()) {
    const bool is_sooner =
        outcome->requeue_after == base::Duration::zero() || context.look_again < outcome->requeue_after;
    if (is_sooner) outcome->requeue_after = context.look_again;
  }
  const Json status = cluster_status(context, outcome ? nullptr : &outcome.error());
  co_await report_change(deps, *context.object, status, wall_ms);
  CO_TRY(co_await write_status(deps, kube::kKafkaClusterKind, *context.object, status));
  co_return outcome;
}

aio::Task<Result<PassOutcome>> reconcile_topic(Deps& deps, std::string ns, std::string name,
                                               std::int64_t wall_ms) {
  const Json& live = deps.store.topics.find(ns, name);
  if (live.is_null()) co_return PassOutcome{};
  TopicContext context{.deps = deps, .object = std::make_shared<Json>(live), .wall_ms = wall_ms};
  auto outcome = co_await run_steps(topic_pipeline(), context);
  if (context.is_gone) co_return outcome;
  const Json status = topic_status(context, outcome ? nullptr : &outcome.error());
  co_await report_change(deps, *context.object, status, wall_ms);
  CO_TRY(co_await write_status(deps, kube::kKafkaTopicKind, *context.object, status));
  co_return outcome;
}

}  // namespace penstock::reconcile
