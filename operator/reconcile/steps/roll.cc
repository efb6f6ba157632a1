#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");
constexpr const char* kHolder = "penstock-operator";
constexpr auto kRollInterval = base::seconds(2);
// How long a client may look for a pod where it was before: a JVM keeps the address of a name for 30 s,
// whatever the DNS says, and a connection to an address that nobody has is given up after 10 s
// (socket.connection.setup.timeout.ms). With the next broker stopped in that time, such a client would have
// no way to the new leaders.
constexpr std::int64_t kFormerAddressMs = 35'000;

bool is_current(const ClusterContext& context, const Json& pod) {
  const Json annotations = pod["metadata"].value("annotations", Json::object());
  return resources::text_or(annotations, resources::kPodRevisionAnnotation) == context.pod_revision;
}

// Null where no process is there that a replacement could end.
const Json* running_state(const Json& pod) {
  const Json& status = resources::child_of(pod, "status");
  const auto rows = status.find("containerStatuses");
  if (rows == status.end() || !rows->is_array() || rows->empty()) return nullptr;
  const Json& state = resources::child_of((*rows)[0], "state");
  return state.contains("running") ? &state["running"] : nullptr;
}

// Whether clients may not know yet where it is now. On a loopback address it is where it was.
bool has_new_address(const ClusterContext& context, const Json& pod) {
  const std::string address = resources::text_or(resources::child_of(pod, "status"), "podIP");
  const Json* running = running_state(pod);
  if (address.starts_with("127.") || running == nullptr) return false;
  const auto started = resources::parse_rfc3339(resources::text_or(*running, "startedAt"));
  return started && context.wall_ms - *started < kFormerAddressMs;
}

// A pod as it was seen: what the store has may change while a call is under way.
struct Pod {
  resources::ObjectMeta meta;
  std::int32_t node_id = -1;
  bool is_ready = false;
  bool has_process = false;
};

struct Pods {
  std::vector<Pod> outdated;  // In the order in which they are replaced.
  std::string stopping;       // The name of one.
  std::string not_ready;      // Of one that is current.
  std::string moved;          // Of one that is current and was started just before.
  bool is_any_ready = false;
  std::size_t total = 0;
};

Pods look_at(const ClusterContext& context) {
  Pods pods;
  for (const Json* json : context.pods()) {
    const Pod pod{resources::read_meta(*json), context.node_id_of(*json), is_pod_ready(*json),
                  running_state(*json) != nullptr};
    ++pods.total;
    pods.is_any_ready = pods.is_any_ready || pod.is_ready;
    if (pod.meta.is_deleting) pods.stopping = pod.meta.name;
    // The StatefulSet stops it, and does not start it again.
    if (ordinal_of(*json) >= context.cluster.replicas) {
      pods.stopping = pod.meta.name;
      continue;
    }
    if (!is_current(context, *json) && ordinal_of(*json) >= context.rolled_from) {
      pods.outdated.push_back(pod);
    } else if (!pod.is_ready && !pod.meta.is_deleting) {
      pods.not_ready = pod.meta.name;
    } else if (has_new_address(context, *json)) {
      pods.moved = pod.meta.name;
    }
  }
  // Pods that do not serve first: they may be waiting for exactly this change. The active controller last,
  // so that it changes once.
  const auto rank = [&](const Pod& pod) {
    const bool is_controller = context.view && pod.node_id == context.view->controller;
    return std::pair(pod.is_ready ? 1 + is_controller : 0, pod.node_id);
  };
  std::sort(pods.outdated.begin(), pods.outdated.end(),
            [&](const Pod& x, const Pod& y) { return rank(x) < rank(y); });
  return pods;
}

StepResult replace(ClusterContext& context, Pod pod) {
  log.info("restart pod {}: its configuration or template changed", pod.meta.key());
  context.rollout->message = "pod " + pod.meta.name + " restarts with the new configuration";
  kube::DeleteOptions only_this;
  only_this.uid = pod.meta.uid;
  const auto removed =
      co_await context.deps.kube.remove(kube::kPodKind, pod.meta.ns, pod.meta.name, std::move(only_this));
  // A conflict: there is a newer pod of that name already.
  if (!removed && removed.error().code() != base::Errc::kConflict) co_return base::fail(removed.error());
  co_return StepOutcome::go_on();
}

// Why the pod must not be stopped now; empty when the active controller has granted it.
aio::Task<base::Result<std::string>> why_not_stop(ClusterContext& context, std::int32_t id) {
  const auto controller = context.controller_port();
  if (!controller)
    co_return std::string("no active controller can be asked for the stop of broker ") + std::to_string(id);
  const auto answer = co_await context.deps.brokers.reserve_stop(*controller, id, kHolder);
  if (!answer) {
    co_return "the active controller did not answer for the stop of broker " + std::to_string(id);
  }
  if (answer->is_granted) {
    context.rollout->broker = id;
    co_return std::string();
  }
  co_return "broker " + std::to_string(id) + " is not restarted yet: " + answer->reason;
}

// A stop that is not wanted any more must not keep others from theirs. It ends by itself too.
aio::Task<> release_last(ClusterContext& context) {
  const Json& last = resources::child_of(resources::child_of(*context.object, "status"), "rollout");
  const auto broker = resources::int_or_none(last, "brokerId");
  const auto controller = context.controller_port();
  if (!broker || !controller) co_return;
  const auto released = co_await context.deps.brokers.release_stop(*controller, *broker);
  if (!released) log.debug("stop of broker {}: {}", *broker, released.error().what());
}

// The next pod that may be stopped is; otherwise rollout->message says what it waits for.
StepResult roll_next(ClusterContext& context, Pods pods) {
  const Pod& next = pods.outdated.front();
  auto& message = context.rollout->message;
  if (!pods.stopping.empty()) {
    message = "pod " + pods.stopping + " is stopping";
    co_return StepOutcome::go_on();
  }
  // Nobody else serves: there is nothing to protect, and the change may be what mends it. Nor does a pod
  // without a process.
  const bool is_alone = context.cluster.replicas == 1 || (!pods.is_any_ready && pods.not_ready.empty());
  if (is_alone || (!next.is_ready && !next.has_process)) co_return co_await replace(context, next);
  if (!pods.not_ready.empty()) {
    message = "pod " + pods.not_ready + " has restarted and is not ready yet";
    co_return StepOutcome::go_on();
  }
  if (pods.total < static_cast<std::size_t>(context.cluster.replicas)) {
    message = "a pod that was stopped is not back yet";
    co_return StepOutcome::go_on();
  }
  if (!pods.moved.empty()) {
    message = "pod " + pods.moved + " has restarted: for " + std::to_string(kFormerAddressMs / 1000) +
              " s clients may look for it at its former address";
    co_return StepOutcome::go_on();
  }
  CO_TRY_ASSIGN(std::string reason, co_await why_not_stop(context, next.node_id));
  if (reason.empty()) co_return co_await replace(context, next);
  message = std::move(reason);
  co_await emit_event(context.deps, *context.object, "Normal", "RolloutWaits", message, context.wall_ms);
  co_return StepOutcome::go_on();
}

}  // namespace

// Replaces pods of an older revision, one at a time. The active controller says when a broker can be spared:
// all others in service, and all replicas in sync. That also is how the last one is waited for.
StepResult roll_pods(ClusterContext& context) {
  Pods pods = look_at(context);
  if (pods.outdated.empty()) {
    co_await release_last(context);
    if (!pods.stopping.empty()) context.waiting_message = "pod " + pods.stopping + " is stopping";
    co_return StepOutcome::go_on();
  }
  context.rollout = {pods.total, pods.total - pods.outdated.size()};
  CO_TRY_ASSIGN(const StepOutcome outcome, co_await roll_next(context, std::move(pods)));
  context.look_again_in(kRollInterval);
  context.waiting_message = context.rollout->message;
  co_return outcome;
}

StepResult remove_old_configs(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::vector<const Json*> pods = context.pods();
  const auto is_settled = [&context](const Json* pod) { return is_current(context, *pod); };
  // A pod that is not there yet may still be made from the StatefulSet as its controller last saw it.
  if (pods.size() < static_cast<std::size_t>(context.cluster.replicas) ||
      !std::all_of(pods.begin(), pods.end(), is_settled)) {
    co_return StepOutcome::go_on();
  }
  std::vector<resources::ObjectMeta> old;
  for (const Json* config_map :
       context.deps.store.config_maps.with_label(meta.ns, resources::kClusterLabel, meta.name)) {
    const Json& labels = (*config_map)["metadata"]["labels"];
    const resources::ObjectMeta found = resources::read_meta(*config_map);
    const bool is_config = resources::text_or(labels, resources::kComponentLabel) == "config";
    if (is_config && found.name != context.config_map_name && !found.is_deleting) old.push_back(found);
  }
  for (const resources::ObjectMeta& one : old) {
    kube::DeleteOptions only_this;
    only_this.uid = one.uid;
    CO_TRY(co_await context.deps.kube.remove(kube::kConfigMapKind, one.ns, one.name, std::move(only_this)));
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
