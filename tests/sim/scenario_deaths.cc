// Five brokers, of which some die and some only seem to; who is told of it, and when, and whether it is true,
// is the seed's choice.
#include <fmt/core.h>

#include "tests/sim/faults.h"
#include "tests/sim/scenario_parts.h"

namespace penstock::sim {

namespace {

constexpr base::Duration kSession = base::seconds(12);
constexpr base::Duration kLateMax = base::seconds(3);
constexpr int kDeaths = 12;

class Deaths {
 public:
  explicit Deaths(std::uint64_t seed)
      : cluster_(*new Cluster(seed, speed_of(seed), options())),
        is_quick_(seed % 4 != 0),
        operator_(cluster_.scheduler) {
    choose_network(cluster_);
    cluster_.network.set_late_max(kLateMax);
  }

  Outcome run() {
    for (auto& host : cluster_.hosts) cluster_.start_host(host->id());
    cluster_.start_clients();
    int faults = 0;
    for (; faults < kDeaths && !cluster_.has_failed(); ++faults) {
      if (!cluster_.run_until([this] { return is_settled(); }, std::chrono::minutes(1)) &&
          !cluster_.has_failed())
        cluster_.history.violation("a minute after the last fault a broker is not in service or not in sync");
      cluster_.run_for(cluster_.some_time(base::seconds(5)));
      if (is_settled()) happen();
      cluster_.run_for(cluster_.some_time(base::seconds(1)));
      mend(cluster_);
    }
    cluster_.network.set_reset_one_in(0);
    if (!cluster_.has_failed()) cluster_.finish();
    return outcome_of(cluster_, faults);
  }

 private:
  static ClusterOptions options() {
    return {.nodes = 5,
            .replicas = 3,
            .min_insync_replicas = 2,
            .is_flushed = true,
            .in_flight_max = 5,
            .session = kSession};
  }

  base::MonoTime now() const { return cluster_.scheduler.now(); }
  std::int64_t epoch_of(int id) {
    Host& host = cluster_.host(id);
    return host.is_ready() ? host.run()->parts().lifecycle->epoch().value() : -1;
  }
  bool is_settled() {
    if (!cluster_.is_whole() || !cluster_.is_in_sync()) return false;
    for (auto& host : cluster_.hosts) {
      if (!cluster_.fence_checks.is_in_service(host->id(), epoch_of(host->id()))) return false;
    }
    return true;
  }
  int another(int id) {
    const int other = some_node(cluster_);
    return other == id ? 1 + id % cluster_.options.nodes : other;
  }

  void kill(int id) {
    if (!cluster_.host(id).is_running()) return;
    cluster_.fence_checks.has_died(id, false, now());
    cluster_.host(id).kill();
  }

  // The word of whoever started the process, to all controllers, once or twice, at once or late.
  void report(int id, std::int64_t epoch) {
    cluster_.fence_checks.is_accused(id, epoch, now());
    for (std::uint64_t i = 0; i <= cluster_.random().below(2); ++i) {
      operator_.call_after(cluster_.some_time(kLateMax), [this, id, epoch] {
        for (auto& host : cluster_.hosts) {
          if (host->is_running() && host->is_ready())
            host->run()->report_dead(kafka::NodeId(id), kafka::BrokerEpoch(epoch));
        }
      });
    }
  }

  // Nothing else is wrong, and everybody has watched it: the session is not waited for.
  void die_alone(int id) {
    const bool is_sure =
        now() - cluster_.fence_checks.steady_since() > base::seconds(3) && now() - last_wrong_ > 2 * kSession;
    const std::int64_t epoch = epoch_of(id);
    kill(id);
    if (!is_sure) return cluster_.run_for(cluster_.some_time(base::milliseconds(500)));
    const base::Duration limit = is_quick_ ? base::milliseconds(1500) : base::seconds(4);
    if (!cluster_.run_until([&] { return cluster_.fence_checks.is_fenced(id, epoch); }, limit) &&
        !cluster_.has_failed()) {
      cluster_.history.violation(fmt::format("broker {} was killed, and is not fenced at once", id));
    }
  }

  // Connections to a process that lives are refused in its name, for one that asks or for all.
  void slander(int id) {
    last_wrong_ = now();
    cluster_.fence_checks.is_accused(id, epoch_of(id), now());
    const bool is_by_all = cluster_.random().below(2) == 0;
    const int by = another(id);
    for (auto& host : cluster_.hosts) {
      if (host->id() != id && (is_by_all || host->id() == by))
        cluster_.network.reject(host->name(), cluster_.host(id).name());
    }
    cluster_.run_for(cluster_.some_time(base::seconds(3)));
    cluster_.network.heal();
  }

  void happen() {
    const int id = some_node(cluster_);
    const int other = another(id);
    const std::int64_t epoch = epoch_of(id);
    switch (cluster_.random().below(10)) {
      case 0:
      case 1:
        die_alone(id);
        break;
      case 2:
        // Two at once, or one soon after the other.
        kill(id);
        if (cluster_.random().below(2) == 0) cluster_.run_for(cluster_.some_time(base::seconds(2)));
        kill(other);
        cluster_.run_for(cluster_.some_time(base::seconds(2)));
        break;
      case 3:
        slander(id);
        break;
      case 4:
        // The word comes when the next process is there, perhaps.
        kill(id);
        report(id, epoch);
        cluster_.run_for(cluster_.some_time(base::milliseconds(300)));
        break;
      case 5:
        // A wrong word, or one about an earlier process.
        report(id, cluster_.random().below(2) == 0 ? epoch : epoch - 1);
        last_wrong_ = now();
        cluster_.run_for(cluster_.some_time(base::seconds(4)));
        break;
      case 6:
        cluster_.host(id).pause();
        if (cluster_.random().below(2) == 0) kill(other);
        cluster_.run_for(cluster_.some_time(base::seconds(6)));
        break;
      case 7:
        cut_off(cluster_, id);
        if (cluster_.random().below(2) == 0) kill(other);
        cluster_.run_for(cluster_.some_time(base::seconds(6)));
        break;
      case 8:
        cluster_.fence_checks.has_died(id, true, now());
        if (cluster_.random().below(2) == 0) {
          cluster_.host(id).go_dark();
        } else {
          cluster_.lose_power(id);
        }
        cluster_.run_for(cluster_.some_time(base::seconds(6)));
        break;
      default:
        // Again and again, as a process that cannot start does.
        for (int i = 0; i < 3; ++i) {
          kill(id);
          cluster_.run_for(cluster_.some_time(base::milliseconds(200)));
          cluster_.start_host(id);
          cluster_.run_for(cluster_.some_time(base::seconds(1)));
        }
    }
  }

  Cluster& cluster_;
  const bool is_quick_;
  aio::SimReactor operator_;
  base::MonoTime last_wrong_{};
};

}  // namespace

// Never freed, as what it has posted.
Outcome run_deaths(std::uint64_t seed) { return (new Deaths(seed))->run(); }

}  // namespace penstock::sim
