#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster_context.h"
#include "operator/reconcile/reassignment.h"

namespace penstock::reconcile {
namespace {

constexpr std::array kInternalTopics = {"__consumer_offsets", "__transaction_state"};
constexpr auto kProgressInterval = base::seconds(2);

bool are_all_ready(const ClusterContext& context) {
  const std::vector<const Json*> pods = context.pods();
  return pods.size() >= static_cast<std::size_t>(context.cluster.replicas) &&
         std::all_of(pods.begin(), pods.end(), [](const Json* pod) { return is_pod_ready(*pod); });
}

// How many partitions have fewer replicas than `factor`, those on their way counted as there.
std::size_t count_short(const std::vector<PartitionState>& partitions, std::int32_t factor) {
  return static_cast<std::size_t>(
      std::count_if(partitions.begin(), partitions.end(), [factor](const PartitionState& one) {
        return static_cast<std::int32_t>(one.replicas.size()) < factor;
      }));
}

}  // namespace

// What Kafka keeps for itself has as many replicas as a topic of users by default: the brokers give it those
// when it is made, and here it gets more when brokers have come. Fewer it never gets here.
StepResult raise_internal_topics(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::int32_t factor = std::min(3, context.cluster.replicas);
  if (factor < 2 || !are_all_ready(context)) co_return StepOutcome::go_on();
  const auto admin = context.deps.admins.of(meta.key(), ready_endpoints(context.deps, meta.ns, meta.name));
  for (const char* topic : kInternalTopics) {
    const auto state = co_await admin->describe(topic);
    if (!state) {
      context.is_kafka_silent = is_silence(state.error());
      co_return base::fail(state.error());
    }
    if (!*state || count_short((*state)->layout, factor) == 0) continue;
    CO_TRY_ASSIGN(const auto layout, co_await admin->describe_layout());
    auto hosts = staying_hosts(context.deps, meta.ns, meta.name, layout);
    if (hosts.size() < static_cast<std::size_t>(factor)) co_return StepOutcome::go_on();
    const std::size_t partitions = (*state)->layout.size();
    context.waiting_message = std::to_string(partitions - count_short((*state)->layout, factor)) + " of " +
                              std::to_string(partitions) + " partitions of " + topic + " have " +
                              std::to_string(factor) + " replicas";
    CO_TRY(co_await move_throttled(*admin, layout, {topic},
                                   plan_factor(layout, std::move(hosts), topic, factor)));
    co_return StepOutcome::requeue_after(kProgressInterval);
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
