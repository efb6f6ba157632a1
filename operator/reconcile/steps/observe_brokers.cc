#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");
// Each may take as long as a call may, before the pass goes on without a view.
constexpr std::size_t kAskedMax = 3;
// Nothing watched tells of replicas that come back.
constexpr auto kTroubleInterval = base::seconds(3);

bool is_well(const ClusterView& view) {
  return view.under_replicated == 0 && view.under_min_isr == 0 && view.offline == 0 && view.controller >= 0 &&
         std::all_of(view.brokers.begin(), view.brokers.end(),
                     [&](const ClusterView::Broker& broker) { return view.is_serving(broker.id); });
}

}  // namespace

std::int32_t ClusterContext::live_replicas() const {
  return resources::int_or_none(resources::child_of(live_set(), "spec"), "replicas").value_or(0);
}

const Json* ClusterContext::pod_of(std::int32_t node_id) const {
  for (const Json* pod : pods()) {
    if (node_id_of(*pod) == node_id) return pod;
  }
  return nullptr;
}

AdminPort ClusterContext::admin_port(const Json& pod) const {
  return {resources::text_or(resources::child_of(pod, "status"), "podIP"), admin_token};
}

std::optional<AdminPort> ClusterContext::controller_port() const {
  const Json* pod = view && view->controller >= 0 ? pod_of(view->controller) : nullptr;
  if (pod == nullptr || admin_port(*pod).host.empty()) return std::nullopt;
  return admin_port(*pod);
}

// The cluster as its brokers see it: the active controller if it answers, since it knows best, else any that
// is ready.
StepResult observe_brokers(ClusterContext& context) {
  const Json& status = resources::child_of(*context.object, "status");
  const std::int32_t last = resources::int_or_none(status, "controllerId").value_or(-1);
  // Copies: what the store has may change while a call is under way.
  std::vector<AdminPort> ports;
  for (const Json* pod : context.pods()) {
    AdminPort port = context.admin_port(*pod);
    if (!is_pod_ready(*pod) || port.host.empty()) continue;
    ports.insert(context.node_id_of(*pod) == last ? ports.begin() : ports.end(), std::move(port));
  }
  for (std::size_t i = 0; i < std::min(ports.size(), kAskedMax) && !context.view; ++i) {
    auto view = co_await context.deps.brokers.describe_cluster(ports[i]);
    if (view) context.view = std::move(*view);
    if (!view) log.debug("cluster {}: {}", context.cluster.meta.key(), view.error().what());
  }
  const auto controller = context.controller_port();
  if (controller && !context.view->is_active_controller) {
    auto view = co_await context.deps.brokers.describe_cluster(*controller);
    if (view && view->is_active_controller) context.view = std::move(*view);
  }
  if (context.view && !is_well(*context.view)) context.look_again_in(kTroubleInterval);
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
