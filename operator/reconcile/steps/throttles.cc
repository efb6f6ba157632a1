#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"
#include "operator/reconcile/reassignment.h"
#include "operator/reconcile/topic_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

// Topics whose resource asks for marks of its own.
std::set<std::string> topics_with_own_marks(const ClusterContext& context) {
  std::set<std::string> names;
  for (const Json* topic : context.deps.store.topics.all()) {
    const Json& spec = resources::child_of(*topic, "spec");
    for (const auto& [name, value] : resources::child_of(spec, "config").items()) {
      if (is_throttle_mark(name)) names.insert(topic_name_of(*topic));
    }
  }
  return names;
}

}  // namespace

// Whoever set the throttle, this operator or one that was killed: it goes when nothing is moved any more.
StepResult remove_move_throttles(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::vector<const Json*> pods = context.pods();
  // Each broker is asked for its own: one that does not answer would stall the pass.
  if (pods.empty() ||
      !std::all_of(pods.begin(), pods.end(), [](const Json* pod) { return is_pod_ready(*pod); })) {
    co_return StepOutcome::go_on();
  }
  const auto admin = context.deps.admins.of(meta.key(), ready_endpoints(context.deps, meta.ns, meta.name));
  const auto removed = co_await remove_throttles(*admin, topics_with_own_marks(context));
  if (!removed) log.warn("cluster {}: throttle of moves: {}", meta.key(), removed.error().what());
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
