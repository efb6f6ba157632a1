#include <algorithm>

#include <nlohmann/json.hpp>

#include "operator/reconcile/reassignment.h"
#include "operator/reconcile/topic_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using resources::child_of;

constexpr auto kProgressInterval = base::seconds(2);

std::string plural(std::int32_t count) {
  return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

// Why the number of replicas cannot be what is asked; empty when it can.
std::string why_not(const TopicContext& context, std::int32_t factor) {
  const auto is_lowered = [factor](const PartitionState& one) {
    return static_cast<std::int32_t>(one.target().size()) > factor;
  };
  const auto& state = *context.state;
  if (factor < state.min_isr && std::any_of(state.layout.begin(), state.layout.end(), is_lowered)) {
    return "spec.replicationFactor: " + plural(factor) +
           " would be less than min.insync.replicas, which is " + std::to_string(state.min_isr) +
           " for this topic; lower that first";
  }
  return {};
}

// Whether the cluster is not asked to have as many brokers.
bool is_too_much(const TopicContext& context, std::int32_t factor) {
  const Json& cluster = context.deps.store.clusters.find(context.topic.meta.ns, context.topic.cluster_name);
  return factor > resources::int_or_none(child_of(cluster, "spec"), "replicas").value_or(1);
}

}  // namespace

// The moves of a topic that is not settled; those of all topics at every pass would be too much to ask.
StepResult observe_moves(TopicContext& context) {
  const auto factor = context.topic.replication_factor;
  if (!context.state || !factor) co_return StepOutcome::go_on();
  auto& layout = context.state->layout;
  const bool is_settled = std::all_of(layout.begin(), layout.end(), [&](const PartitionState& one) {
    return one.isr.size() == one.replicas.size() && has_factor(one, *factor);
  });
  if (is_settled) co_return StepOutcome::go_on();
  auto moves = co_await context.admin->list_moves();
  if (!moves) co_return refused_or_failed(context, moves.error(), "RefusedByBroker", "");
  for (auto& [index, move] : (*moves)[context.topic_name]) {
    if (index < 0 || static_cast<std::size_t>(index) >= layout.size()) continue;
    PartitionState& partition = layout[static_cast<std::size_t>(index)];
    partition.replicas = std::move(move.replicas);
    partition.adding = std::move(move.adding);
    partition.removing = std::move(move.removing);
    context.state->replication_factor =
        std::min(context.state->replication_factor,
                 static_cast<std::int32_t>(partition.replicas.size() - partition.adding.size()));
  }
  co_return StepOutcome::go_on();
}

StepResult reconcile_replication(TopicContext& context) {
  const auto factor = context.topic.replication_factor;
  const auto& partitions = context.state->layout;
  const auto remaining = std::count_if(partitions.begin(), partitions.end(), [&](const PartitionState& one) {
    return one.is_moving() || !has_factor(one, factor.value_or(0));
  });
  if (!factor || remaining == 0) co_return StepOutcome::requeue_after(kTopicDriftInterval);
  if (!context.is_min_isr_unknown) {
    if (std::string reason = why_not(context, *factor); !reason.empty()) {
      context.block("InvalidSpec", std::move(reason));
      co_return StepOutcome::requeue_after(kTopicDriftInterval);
    }
  }
  context.reassignment = {partitions.size(), static_cast<std::size_t>(remaining)};
  context.wait_for("Reassigning", std::to_string(partitions.size() - context.reassignment->remaining) +
                                      " of " + std::to_string(partitions.size()) + " partitions have " +
                                      plural(*factor));
  if (context.is_min_isr_unknown) co_return StepOutcome::requeue_after(kProgressInterval);
  const auto layout = co_await context.admin->describe_layout();
  if (!layout) co_return refused_or_failed(context, layout.error(), "RefusedByBroker", "");
  auto hosts = staying_hosts(context.deps, context.topic.meta.ns, context.topic.cluster_name, *layout);
  if (static_cast<std::size_t>(*factor) > hosts.size()) {
    context.reassignment.reset();
    std::string message = "spec.replicationFactor: " + plural(*factor) +
                          " need as many brokers, and there are " + std::to_string(hosts.size()) +
                          "; raise the KafkaCluster's replicas, or lower this";
    // Brokers that only do not serve at the moment come back.
    if (is_too_much(context, *factor)) {
      context.block("NotEnoughBrokers", std::move(message));
    } else {
      context.wait_for("NotEnoughBrokers", std::move(message));
    }
    co_return StepOutcome::requeue_after(kTopicDriftInterval);
  }
  auto moves = plan_factor(*layout, std::move(hosts), context.topic_name, *factor);
  const auto begun = co_await move_throttled(*context.admin, *layout, {context.topic_name}, std::move(moves));
  if (!begun)
    co_return refused_or_failed(context, begun.error(), "RefusedByBroker", "spec.replicationFactor: ");
  co_return StepOutcome::requeue_after(kProgressInterval);
}

}  // namespace penstock::reconcile
