#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/reconcile/reassignment.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");
constexpr auto kProgressInterval = base::seconds(2);

// Brokers of ours beyond the last that is wanted: their claims stay when they go. Others may be in the
// cluster too, such as Kafka's own.
std::set<std::int32_t> surplus(const ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::int32_t base = context.identity.node_id_base;
  std::set<std::int32_t> ids;
  for (std::int32_t i = context.replicas_wanted; i < context.live_replicas(); ++i) ids.insert(base + i);
  if (!context.view) return ids;
  for (const ClusterView::Broker& broker : context.view->brokers) {
    const std::int32_t ordinal = broker.id - base;
    if (ordinal < context.replicas_wanted) continue;
    const std::string claim = resources::claim_name(context.cluster, ordinal);
    if (context.deps.store.claims.find(meta.ns, claim).is_object()) ids.insert(broker.id);
  }
  return ids;
}

std::string names(const std::set<std::int32_t>& ids) {
  std::string text;
  for (const std::int32_t id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

// Why so few brokers cannot be; empty when they can.
std::string why_not(const ClusterContext& context, const ClusterLayout& layout) {
  const auto wanted = static_cast<std::size_t>(context.replicas_wanted);
  for (const auto& [topic, partitions] : layout.topics) {
    if (is_internal_topic(topic)) continue;  // How many replicas it has is ours to choose.
    for (const PartitionState& partition : partitions) {
      if (partition.target().size() <= wanted) continue;
      return "spec.replicas: topic " + topic + " has " + std::to_string(partition.target().size()) +
             " replicas, which need as many brokers; lower that first, or keep more brokers";
    }
  }
  return {};
}

// Moves off the brokers that go, as many as may begin now; `left` counts what is still on them.
std::vector<PartitionMove> plan_moves(const ClusterLayout& layout, const std::set<std::int32_t>& going,
                                      std::size_t& left) {
  std::vector<resources::ReplicaHost> hosts;
  for (const BrokerState& broker : layout.brokers) {
    if (!going.contains(broker.id)) hosts.push_back({broker.id, broker.rack});
  }
  resources::ReplicaPlan plan(hosts);
  for (const auto& [name, partitions] : layout.topics) {
    for (const PartitionState& partition : partitions) plan.count(partition.target());
  }
  const auto is_going = [&going](std::int32_t id) { return going.contains(id); };
  std::size_t running = count_moves(layout);
  std::vector<PartitionMove> moves;
  for (const auto& [name, partitions] : layout.topics) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const PartitionState& one = partitions[i];
      const std::vector<std::int32_t> target = one.target();
      if (std::none_of(one.replicas.begin(), one.replicas.end(), is_going)) continue;
      ++left;
      const std::size_t factor = std::min(target.size(), hosts.size());
      // Without a leader there is nobody to copy from.
      const bool has_target = std::none_of(target.begin(), target.end(), is_going);
      if (has_target || one.leader < 0 || factor == 0) continue;
      if (!one.is_moving() && running >= kMovesMax) continue;
      if (!one.is_moving()) ++running;
      const auto index = static_cast<std::int32_t>(i);
      moves.push_back({name, index, plan.place({index, one.leader, target, one.isr}, factor)});
    }
  }
  return moves;
}

// Moves everything off them. True when nothing is left.
aio::Task<base::Result<bool>> empty_brokers(ClusterContext& context, std::set<std::int32_t> going) {
  const auto& meta = context.cluster.meta;
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, meta.name);
  const std::string what = "brokers that go (" + names(going) + ")";
  if (endpoints.empty()) {
    context.waiting_message = what + " are emptied when a broker answers";
    co_return false;
  }
  const auto admin = context.deps.admins.of(meta.key(), endpoints);
  CO_TRY_ASSIGN(const auto layout, co_await admin->describe_layout());
  std::size_t left = 0;
  auto moves = plan_moves(layout, going, left);
  if (left == 0) {
    // While they can still be asked.
    std::vector<std::int32_t> asked;
    for (const BrokerState& broker : layout.brokers) {
      if (going.contains(broker.id)) asked.push_back(broker.id);
    }
    CO_TRY(co_await remove_rates(*admin, std::move(asked)));
    co_return true;
  }
  if (std::string reason = why_not(context, layout); !reason.empty()) {
    context.blocked_reason = "ScaleDownRefused";
    context.blocked_message = std::move(reason);
    co_return false;
  }
  context.waiting_message = std::to_string(left) + " partitions are still to be moved off " + what;
  std::set<std::string> topics;
  for (const auto& [name, partitions] : layout.topics) {
    const auto is_moving = [](const PartitionState& one) { return one.is_moving(); };
    if (std::any_of(partitions.begin(), partitions.end(), is_moving)) topics.insert(name);
  }
  CO_TRY(co_await move_throttled(*admin, layout, std::move(topics), std::move(moves)));
  co_return false;
}

}  // namespace

// Brokers that are to go are emptied first; until then everything stays as if they were wanted.
StepResult reconcile_scale_down(ClusterContext& context) {
  const std::int32_t live = context.live_replicas();
  if (live <= context.replicas_wanted) co_return StepOutcome::go_on();
  context.look_again_in(kProgressInterval);
  context.cluster.replicas = live;
  if (!context.view) {
    context.waiting_message = "brokers that go are emptied when a broker tells of the cluster";
    co_return StepOutcome::go_on();
  }
  CO_TRY_ASSIGN(const bool is_empty, co_await empty_brokers(context, surplus(context)));
  if (!is_empty) co_return StepOutcome::go_on();
  context.cluster.replicas = context.replicas_wanted;
  context.waiting_message = "brokers that are not wanted any more stop";
  co_return StepOutcome::go_on();
}

// Those whose pods are gone are forgotten, when nothing is on them: a topic that was made at the last moment
// may be.
StepResult unregister_brokers(ClusterContext& context) {
  if (!context.view || context.live_replicas() > context.replicas_wanted) co_return StepOutcome::go_on();
  std::set<std::int32_t> gone;
  for (const std::int32_t id : surplus(context)) {
    context.look_again_in(kProgressInterval);
    const auto* broker = context.view->find(id);
    if (broker != nullptr && broker->is_fenced && context.pod_of(id) == nullptr) gone.insert(id);
  }
  if (gone.empty()) co_return StepOutcome::go_on();
  CO_TRY_ASSIGN(const bool is_empty, co_await empty_brokers(context, gone));
  if (!is_empty) co_return StepOutcome::go_on();
  const auto& meta = context.cluster.meta;
  const auto admin = context.deps.admins.of(meta.key(), ready_endpoints(context.deps, meta.ns, meta.name));
  for (const std::int32_t id : gone) {
    log.info("cluster {}: unregister broker {}", meta.key(), id);
    CO_TRY(co_await admin->unregister(id));
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
