#include "tests/sim/faults.h"

#include <algorithm>

namespace penstock::sim {

void choose_network(Cluster& cluster) {
  if (cluster.random().below(3) == 0) cluster.network.set_delay_max(base::milliseconds(40));
  if (cluster.random().below(3) == 0) cluster.network.set_reset_one_in(300);
}

int some_node(Cluster& cluster) {
  return 1 + static_cast<int>(cluster.random().below(static_cast<std::uint64_t>(cluster.options.nodes)));
}

void stop_cleanly(Cluster& cluster, int id) {
  Run* run = cluster.host(id).run();
  if (!cluster.host(id).is_ready()) return;
  run->stop();
  if (!cluster.run_until([run] { return run->stopped.has_value(); }, std::chrono::minutes(1))) {
    cluster.history.violation("a broker does not stop within a minute");
    return;
  }
  cluster.host(id).kill();
}

// What failed to be synced is gone with the power, although later syncs succeed.
void fail_syncs(Cluster& cluster, int id) {
  Host& host = cluster.host(id);
  if (!host.is_running() || host.is_paused() || !cluster.may_lose_power(id)) return;
  host.fail_syncs(true);
  cluster.run_for(cluster.some_time(base::seconds(2)));
  host.fail_syncs(false);
  cluster.run_for(cluster.some_time(base::seconds(1)));
  if (!cluster.may_lose_power(id)) return;
  cluster.lose_power(id);
}

void fill_disk(Cluster& cluster, int id) {
  Host& host = cluster.host(id);
  if (!host.is_running() || !cluster.may_kill()) return;
  constexpr std::uint64_t kRoomMax = 2000;
  host.fill_disk(static_cast<std::int64_t>(cluster.random().below(kRoomMax)));
  cluster.run_for(cluster.some_time(base::seconds(4)));
  if (host.is_running() && cluster.may_kill()) host.kill();
  host.fill_disk(std::nullopt);
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

void clog(Cluster& cluster) {
  const int from = some_node(cluster);
  const int to = some_node(cluster);
  if (from != to) cluster.network.cut(cluster.host(from).name(), cluster.host(to).name());
}

void set_clock(Cluster& cluster, int id) {
  constexpr std::uint64_t kAheadMaxMs = 600'000;
  constexpr std::uint64_t kFastMaxPermille = 50;
  const auto some = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(cluster.random().below(2 * most + 1)) - static_cast<std::int64_t>(most);
  };
  cluster.host(id).set_clock({.ahead_ms = some(kAheadMaxMs), .fast_permille = some(kFastMaxPermille)});
}

void mend(Cluster& cluster) {
  cluster.network.heal();
  for (auto& host : cluster.hosts) {
    if (host->is_paused()) host->resume();
  }
  const auto is_stopping = [&] {
    return std::ranges::any_of(cluster.hosts, [](const auto& host) { return host->is_stopping(); });
  };
  // One that waits for its turn to stop has it at the latest when this is over.
  if (!cluster.run_until([&] { return !is_stopping(); }, std::chrono::minutes(1)) && !cluster.has_failed())
    cluster.history.violation("a broker does not stop within a minute after the last fault");
  for (auto& host : cluster.hosts) {
    host->set_blocking_max(std::nullopt);
    if (!host->is_running()) cluster.start_host(host->id());
  }
}

void disturb(Cluster& cluster) {
  const int id = some_node(cluster);
  Host& host = cluster.host(id);
  switch (cluster.random().below(6)) {
    case 0:
      host.kill();
      break;
    case 1:
      cluster.lose_power(id);
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
  mend(cluster);
}

// One fault of several nodes, or two at a time.
void damage(Cluster& cluster) {
  const int id = some_node(cluster);
  Host& host = cluster.host(id);
  const bool is_up = host.is_running() && !host.is_paused();
  switch (cluster.random().below(13)) {
    case 0:
    case 1:
      if (is_up && cluster.may_kill()) host.kill();
      break;
    case 12:
      if (is_up) host.stop();
      break;
    case 2:
    case 3:
      if (is_up && cluster.may_lose_power(id)) cluster.lose_power(id);
      break;
    case 4:
      if (host.is_running()) host.pause();
      break;
    case 5:
      for (auto& each : cluster.hosts) {
        if (each->is_running() && cluster.may_kill()) each->kill();
      }
      break;
    case 6:
      if (is_up) fail_syncs(cluster, id);
      break;
    case 7:
      if (is_up) fill_disk(cluster, id);
      break;
    case 8:
      host.set_blocking_max(cluster.some_time(base::seconds(4)));
      break;
    case 9:
      set_clock(cluster, id);
      break;
    case 10:
      clog(cluster);
      break;
    default:
      cut_off(cluster, id);
  }
}

}  // namespace penstock::sim
