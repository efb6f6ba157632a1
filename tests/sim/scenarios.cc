#include "tests/sim/scenarios.h"

#include "tests/sim/cluster.h"
#include "tests/sim/faults.h"
#include "tests/sim/scenario_parts.h"

namespace penstock::sim {

namespace {

// The lone broker is away for some time.
void bring_back(Cluster& cluster, int id) {
  cluster.run_for(cluster.some_time(base::milliseconds(500)));
  cluster.start_host(id);
}

void lose_power_alone(Cluster& cluster) {
  cluster.lose_power(1);
  // What had arrived at the clients is taken by them.
  cluster.run_for(base::milliseconds(1));
  bring_back(cluster, 1);
  if (cluster.options.is_flushed) return;
  for (auto& producer : cluster.producers) producer->expect_lost_data();
  // Meanwhile nobody writes: what is there then is what has survived.
  cluster.client->reactor().set_halted(true);
  cluster.forget_unsynced(1);
  cluster.client->reactor().set_halted(false);
}

Outcome run_single(std::uint64_t seed) {
  Cluster& cluster = *new Cluster(seed, speed_of(seed), {.is_flushed = seed % 2 == 0});
  choose_network(cluster);
  cluster.start_host(1);
  cluster.start_clients();
  int faults = 0;
  for (; faults < kRounds && !cluster.has_failed(); ++faults) {
    cluster.run_for(cluster.some_time(base::seconds(2)));
    Host& host = cluster.host(1);
    switch (cluster.random().below(5)) {
      case 0:
        host.kill();
        bring_back(cluster, 1);
        break;
      case 1:
        lose_power_alone(cluster);
        break;
      case 2:
        host.fail_syncs(true);
        cluster.run_for(cluster.some_time(base::seconds(2)));
        host.fail_syncs(false);
        cluster.run_for(cluster.some_time(base::seconds(1)));
        lose_power_alone(cluster);
        break;
      case 3:
        stop_cleanly(cluster, 1);
        if (!host.is_running()) bring_back(cluster, 1);
        break;
      default:
        host.pause();
        cluster.run_for(cluster.some_time(base::seconds(10)));
        host.resume();
    }
  }
  cluster.network.set_reset_one_in(0);
  if (!cluster.has_failed()) cluster.finish();
  return outcome_of(cluster, faults);
}

Outcome run_replication(std::uint64_t seed) {
  ClusterOptions options{.nodes = 3,
                         .replicas = 3,
                         .min_insync_replicas = 2,
                         .is_flushed = seed % 2 == 0,
                         .in_flight_max = 5,
                         .has_losable_producer = true,
                         .has_admin = true};
  if (seed % 3 == 0) options.properties["replica.lag.time.max.ms"] = "3000";
  if (seed % 5 == 0) options.topic_configs["segment.ms"] = "2000";
  if (seed % 7 < 3) options.properties["metadata.log.max.record.bytes.between.snapshots"] = "1500";
  Cluster& cluster = *new Cluster(seed, speed_of(seed), std::move(options));
  choose_network(cluster);
  for (auto& host : cluster.hosts) cluster.start_host(host->id());
  cluster.start_clients();
  int faults = 0;
  for (; faults < kRounds && !cluster.has_failed(); ++faults) {
    cluster.run_for(cluster.some_time(base::seconds(4)));
    damage(cluster);
    if (cluster.random().below(2) == 0) {
      cluster.run_for(cluster.some_time(base::seconds(2)));
      damage(cluster);
    }
    cluster.run_for(cluster.some_time(base::seconds(12)));
    mend(cluster);
  }
  cluster.network.set_reset_one_in(0);
  if (!cluster.has_failed()) cluster.finish();
  return outcome_of(cluster, faults);
}

Outcome run_quorum(std::uint64_t seed) {
  Cluster& cluster = *new Cluster(seed, speed_of(seed), {.nodes = 3, .is_flushed = true});
  choose_network(cluster);
  for (auto& host : cluster.hosts) cluster.start_host(host->id());
  cluster.start_clients();
  int faults = 0;
  for (; faults < kRounds && !cluster.has_failed(); ++faults) {
    cluster.run_for(cluster.some_time(base::seconds(4)));
    disturb(cluster);
  }
  cluster.network.set_reset_one_in(0);
  if (!cluster.has_failed()) cluster.finish();
  return outcome_of(cluster, faults);
}

// Machines are lost with their disks, one after another, and others take their places by themselves.
Outcome run_voters(std::uint64_t seed) {
  Cluster& cluster = *new Cluster(seed, speed_of(seed),
                                  {.nodes = 3,
                                   .replicas = 3,
                                   .min_insync_replicas = 2,
                                   .is_flushed = true,
                                   .properties = {{"controller.quorum.auto.join.enable", "true"}}});
  choose_network(cluster);
  for (auto& host : cluster.hosts) cluster.start_host(host->id());
  cluster.start_clients();
  const auto is_settled = [&] { return cluster.is_whole() && cluster.is_in_sync() && cluster.is_voted(); };
  int faults = 0;
  for (; faults < kRounds && !cluster.has_failed(); ++faults) {
    // One disk at a time: what the others have is all that there is.
    if (!cluster.run_until(is_settled, std::chrono::minutes(1)) && !cluster.has_failed())
      cluster.history.violation("a minute after the last fault a node has not taken its place");
    if (cluster.has_failed()) break;
    cluster.run_for(cluster.some_time(base::seconds(2)));
    if (!is_settled()) continue;
    // Killed replicas count as lost ones (KIP-966): not at the same time.
    if (faults % 3 == 2) {
      disturb(cluster);
      continue;
    }
    const int id = some_node(cluster);
    cluster.lose_disk(id);
    cluster.run_for(cluster.some_time(base::seconds(2)));
    cluster.start_host(id);
  }
  cluster.network.set_reset_one_in(0);
  if (!cluster.has_failed() && !cluster.run_until(is_settled, std::chrono::minutes(1)))
    cluster.history.violation("a minute after the last fault a node has not taken its place");
  if (!cluster.has_failed()) cluster.finish();
  return outcome_of(cluster, faults);
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"single", "one broker: kills, power loss, failing syncs, clean stops, pauses, lost connections",
       run_single},
      {"quorum", "three nodes, one replica of each partition: kills, power loss, pauses, partitions",
       run_quorum},
      {"replication", "three brokers, three replicas of each partition, admin calls; all of the faults",
       run_replication},
      {"deaths", "five brokers: who dies, who only seems to, and what is said of them, right, late and wrong",
       run_deaths},
      {"voters", "three brokers, three replicas: machines lost with their disks, and the faults of quorum",
       run_voters},
      {"isr", "three brokers, three replicas: replicas that start anew while they are proposed for the ISR",
       run_isr},
      {"membership", "three brokers: cleaned metadata logs, nodes long away, lost disks, voters removed",
       run_membership},
  };
  return all;
}

}  // namespace penstock::sim
