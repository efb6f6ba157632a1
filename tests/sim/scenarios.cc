#include "tests/sim/scenarios.h"

#include "tests/sim/cluster.h"

namespace penstock::sim {

namespace {

constexpr int kRounds = 6;

// A disk that is quick in most seeds, slow in some.
aio::SimScheduler::Options speed_of(std::uint64_t seed) {
  aio::SimScheduler::Options speed;
  if (seed % 4 == 0) speed.blocking_max = base::milliseconds(200);
  return speed;
}

void choose_network(Cluster& cluster) {
  if (cluster.random().below(3) == 0) cluster.network.set_delay_max(base::milliseconds(40));
  if (cluster.random().below(3) == 0) cluster.network.set_reset_one_in(300);
}

Outcome outcome_of(Cluster& cluster, int faults) {
  return {
      .violations = cluster.history.violations(),
      .records_acked = cluster.history.acked_count(),
      .faults = faults,
      .epochs = cluster.raft_checks.epochs(),
      .simulated_ms =
          std::chrono::duration_cast<base::milliseconds>(cluster.scheduler.now().time_since_epoch()).count(),
      .digest = cluster.random().next()};
}

// The lone broker is away for some time.
void bring_back(Cluster& cluster, int id) {
  cluster.run_for(cluster.some_time(base::milliseconds(500)));
  cluster.start_host(id);
}

void stop_cleanly(Cluster& cluster, int id) {
  Run* run = cluster.host(id).run();
  if (!run->started || !*run->started) return;
  run->stop();
  if (!cluster.run_until([run] { return run->stopped.has_value(); }, std::chrono::minutes(1))) {
    cluster.history.violation("a broker does not stop within a minute");
    return;
  }
  cluster.host(id).kill();
}

void lose_power_alone(Cluster& cluster) {
  Host& host = cluster.host(1);
  host.lose_power();
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

// A broker on a disk that does not sync is given a new life: what failed to be synced is not tried again.
void fail_syncs(Cluster& cluster, int id) {
  Host& host = cluster.host(id);
  host.disk().fail_syncs(true);
  cluster.run_for(cluster.some_time(base::seconds(2)));
  host.kill();
  host.disk().fail_syncs(false);
  cluster.start_host(id);
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
        fail_syncs(cluster, 1);
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

void cut_off(Cluster& cluster, int id) {
  const std::string name = cluster.host(id).name();
  const auto kind = cluster.random().below(4);
  for (auto& other : cluster.hosts) {
    if (other->id() == id) continue;
    if (kind != 1) cluster.network.cut(name, other->name());
    if (kind != 2) cluster.network.cut(other->name(), name);
  }
  if (kind == 3) cluster.network.cut("client", name);
}

void disturb(Cluster& cluster) {
  const int id =
      1 + static_cast<int>(cluster.random().below(static_cast<std::uint64_t>(cluster.options.nodes)));
  Host& host = cluster.host(id);
  switch (cluster.random().below(6)) {
    case 0:
      host.kill();
      break;
    case 1:
      host.lose_power();
      break;
    case 2:
      host.pause();
      break;
    case 3:
      for (auto& each : cluster.hosts) each->kill();
      break;
    case 4:
      fail_syncs(cluster, id);
      break;
    default:
      cut_off(cluster, id);
  }
  cluster.run_for(cluster.some_time(base::seconds(12)));
  cluster.network.heal();
  for (auto& each : cluster.hosts) {
    if (!each->is_running()) cluster.start_host(each->id());
    each->resume();
  }
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

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"single", "one broker: kills, power loss, failing syncs, clean stops, pauses, lost connections",
       run_single},
      {"quorum", "three nodes, one replica of each partition: kills, power loss, pauses, partitions",
       run_quorum},
  };
  return all;
}

}  // namespace penstock::sim
