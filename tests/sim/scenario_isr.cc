// Replicas that start anew just when their leader has asked the controller to take them into the ISR, and the
// controller has not heard it yet (KIP-903).
#include <algorithm>
#include <optional>

#include "tests/sim/cluster.h"
#include "tests/sim/faults.h"
#include "tests/sim/scenario_parts.h"

namespace penstock::sim {

namespace {

constexpr int kIsrRounds = 4;
constexpr auto kPatience = std::chrono::minutes(1);

// Who has which part; none is another's.
struct Cast {
  int controller = 0;
  int leader = 0;
  int follower = 0;
  replication::PartitionKey key{};
};

int controller_of(Cluster& cluster) {
  for (auto& host : cluster.hosts) {
    if (host->is_ready() && host->run()->parts().metadata->raft().is_leader()) return host->id();
  }
  return 0;
}

// nullopt while no partition is led by another than the controller.
std::optional<Cast> cast(Cluster& cluster) {
  const int controller = controller_of(cluster);
  if (controller == 0) return std::nullopt;
  const auto image = cluster.host(controller).run()->parts().metadata->images().current();
  for (int i = 0; i < cluster.options.partitions; ++i) {
    const replication::PartitionKey key{cluster.client->topic_id(), kafka::PartitionId(i)};
    const auto* partition = image->partition(key.topic_id, key.partition);
    if (partition == nullptr || partition->leader <= 0 || partition->leader == controller) continue;
    const int follower = 1 + 2 + 3 - controller - partition->leader;
    return Cast{.controller = controller, .leader = partition->leader, .follower = follower, .key = key};
  }
  return std::nullopt;
}

bool is_proposed(Cluster& cluster, const Cast& cast) {
  if (!cluster.host(cast.leader).is_ready()) return false;
  const auto* partition = cluster.host(cast.leader).run()->parts().replicas->set_of(cast.key).find(cast.key);
  if (partition == nullptr || partition->role() != replication::Role::kLeader) return false;
  const auto& proposed = partition->isr_state().proposed();
  return proposed && std::ranges::count(*proposed, kafka::NodeId(cast.follower), &replication::IsrMember::id);
}

// Whether the controller takes the follower, as it runs now, for one in service.
bool is_in_service(Cluster& cluster, const Cast& cast) {
  if (!cluster.host(cast.follower).is_ready() || !cluster.host(cast.controller).is_ready()) return false;
  const auto image = cluster.host(cast.controller).run()->parts().metadata->images().current();
  const auto* broker = image->broker(kafka::NodeId(cast.follower));
  return broker != nullptr && broker->is_active() &&
         broker->epoch == cluster.host(cast.follower).run()->parts().lifecycle->epoch();
}

void start_anew_while_proposed(Cluster& cluster, const Cast& cast) {
  Host& follower = cluster.host(cast.follower);
  follower.kill();
  cluster.run_for(cluster.some_time(base::milliseconds(500)));
  cluster.start_host(cast.follower);
  if (!cluster.run_until([&] { return is_proposed(cluster, cast); }, base::seconds(10))) return;
  // In one seed of four the question and the death are under way at the same time.
  if (cluster.random().below(4) != 0)
    cluster.network.cut(cluster.host(cast.leader).name(), cluster.host(cast.controller).name());
  follower.kill();
  cluster.start_host(cast.follower);
  // Shorter than it takes to fence the leader.
  (void)cluster.run_until([&] { return is_in_service(cluster, cast); }, base::seconds(5));
  cluster.run_for(cluster.some_time(base::milliseconds(200)));
  cluster.network.heal();
}

}  // namespace

Outcome run_isr(std::uint64_t seed) {
  Cluster& cluster = *new Cluster(
      seed, {}, {.nodes = 3, .replicas = 3, .min_insync_replicas = 2, .is_flushed = seed % 2 == 0});
  choose_network(cluster);
  for (auto& host : cluster.hosts) cluster.start_host(host->id());
  cluster.start_clients();
  int faults = 0;
  for (; faults < kIsrRounds && !cluster.has_failed(); ++faults) {
    if (!cluster.run_until([&] { return cluster.is_whole() && cluster.is_in_sync(); }, kPatience) &&
        !cluster.has_failed())
      cluster.history.violation("a minute after the last fault a replica is not in sync");
    if (cluster.has_failed()) break;
    if (const auto parts = cast(cluster)) {
      start_anew_while_proposed(cluster, *parts);
    } else {
      // Another leads the quorum then, or the partitions.
      cluster.host(some_node(cluster)).kill();
      cluster.run_for(cluster.some_time(base::seconds(2)));
    }
    mend(cluster);
  }
  cluster.network.set_reset_one_in(0);
  if (!cluster.has_failed()) cluster.finish();
  return outcome_of(cluster, faults);
}

}  // namespace penstock::sim
