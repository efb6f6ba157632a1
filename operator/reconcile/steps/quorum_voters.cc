#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/reconcile/quorum.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");
constexpr auto kProgressInterval = base::seconds(1);

std::set<std::int32_t> nodes_between(const ClusterContext& context, std::int32_t first, std::int32_t end) {
  std::set<std::int32_t> ids;
  for (std::int32_t i = first; i < end; ++i) ids.insert(context.identity.node_id_base + i);
  return ids;
}

// The pods of the voters that leave. A process that may join would be a voter again before it is stopped.
struct Leavers {
  std::set<std::int32_t> running;
  std::string may_join;  // The name of one.
};

Leavers look_at(const ClusterContext& context, const std::set<std::int32_t>& leaving) {
  Leavers leavers;
  for (const Json* pod : context.pods()) {
    const std::int32_t id = context.node_id_of(*pod);
    if (!leaving.contains(id)) continue;
    if (is_pod_ready(*pod)) leavers.running.insert(id);
    if (resources::read_controller_roles(*pod).may_join) leavers.may_join = resources::read_meta(*pod).name;
  }
  return leavers;
}

// No answer says nothing: then all stays as it is, and is looked at again.
base::Result<bool> wait_or_fail(ClusterContext& context, const base::Error& error) {
  if (!is_silence(error)) return base::fail(error);
  context.waiting_message = std::string("the leader of the metadata quorum did not answer: ") + error.what();
  return false;
}

// One step towards as many voters as are wanted. True when the others have left.
aio::Task<base::Result<bool>> shrink(ClusterContext& context, std::int32_t wanted) {
  const auto& meta = context.cluster.meta;
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, meta.name);
  if (endpoints.empty()) {
    context.waiting_message = "voters leave the metadata quorum when a broker answers";
    co_return false;
  }
  const auto staying = nodes_between(context, 0, wanted);
  const auto leaving = nodes_between(context, wanted, context.cluster.controllers);
  const auto admin = context.deps.admins.of(meta.key(), endpoints);
  const auto quorum = co_await admin->describe_quorum();
  if (!quorum) co_return wait_or_fail(context, quorum.error());
  const Leavers leavers = look_at(context, leaving);
  const VoterStep step = next_voter_step(*quorum, staying, leaving, leavers.running);
  // Who stays and has lost its vote with its disk must be able to get it back.
  context.cluster.may_join = !are_voters(*quorum, staying);
  context.rolled_from = context.cluster.may_join ? 0 : wanted;
  if (context.cluster.may_join) {
    context.waiting_message = step.waits_for;
    co_return false;
  }
  if (!leavers.may_join.empty()) {
    context.waiting_message = "pod " + leavers.may_join + " restarts before it leaves the metadata quorum";
    co_return false;
  }
  if (step.remove) {
    log.info("cluster {}: node {} leaves the metadata quorum", meta.key(), step.remove->id);
    context.waiting_message = "node " + std::to_string(step.remove->id) + " leaves the metadata quorum";
    const auto removed = co_await admin->remove_voter(*step.remove);
    if (!removed) co_return wait_or_fail(context, removed.error());
    co_return false;
  }
  context.waiting_message = step.waits_for;
  co_return step.is_done();
}

}  // namespace

// Voters that are not wanted any more leave the quorum, one at a time, while they run: their pods are
// restarted first so that they do not join again by themselves. Until the last has left they all stay
// controllers, and no broker stops.
StepResult reconcile_quorum_voters(ClusterContext& context) {
  const auto [live, may_join] = resources::read_controller_roles(context.live_set());
  const std::int32_t wanted =
      std::exchange(context.cluster.controllers, std::max(live, context.cluster.controllers));
  if (live <= wanted) co_return StepOutcome::go_on();
  context.look_again_in(kProgressInterval);
  context.cluster.may_join = may_join;
  context.rolled_from = may_join ? 0 : wanted;
  const std::int32_t replicas = context.cluster.replicas;
  // Brokers that go are emptied first.
  if (replicas > context.replicas_wanted) co_return StepOutcome::go_on();
  context.cluster.replicas = std::max(replicas, context.live_replicas());
  CO_TRY_ASSIGN(const bool is_done, co_await shrink(context, wanted));
  if (!is_done) co_return StepOutcome::go_on();
  log.info("cluster {}: {} voters have become {}", context.cluster.meta.key(), live, wanted);
  context.cluster.controllers = wanted;
  context.cluster.may_join = true;
  context.cluster.replicas = replicas;
  context.rolled_from = 0;
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
