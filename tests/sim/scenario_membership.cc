// Three brokers whose metadata logs are cleaned, with a node that is away for longer than that, or whose disk
// is lost; and voters that are removed and join again, among load, admin calls and the faults of quorum.
#include "base/aio/gate.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"
#include "tests/sim/faults.h"
#include "tests/sim/scenario_parts.h"

namespace penstock::sim {

namespace {

constexpr int kAbsences = 3;
// Logs are cleaned once a minute.
constexpr base::Duration kAway = base::seconds(62);

ClusterOptions options_of(std::uint64_t seed) {
  ClusterOptions options{.nodes = 3,
                         .replicas = 3,
                         .min_insync_replicas = 2,
                         .is_flushed = true,
                         .has_admin = true,
                         .properties = {{"controller.quorum.auto.join.enable", "true"},
                                        {"metadata.log.max.record.bytes.between.snapshots", "1000"},
                                        {"metadata.log.segment.ms", "1000"},
                                        {"metadata.max.retention.ms", "1"}}};
  if (seed % 3 == 0) options.properties["replica.lag.time.max.ms"] = "3000";
  return options;
}

class Membership {
 public:
  explicit Membership(std::uint64_t seed)
      : cluster_(*new Cluster(seed, speed_of(seed), options_of(seed))),
        client_(cluster_.network, "client", cluster_.options.nodes) {
    choose_network(cluster_);
    if (seed % 2 == 0) cluster_.network.set_late_max(base::seconds(3));
  }

  Outcome run() {
    for (auto& host : cluster_.hosts) cluster_.start_host(host->id());
    cluster_.start_clients();
    int faults = 0;
    for (; faults < kAbsences && !cluster_.has_failed(); ++faults) {
      expect_settled();
      cluster_.run_for(cluster_.some_time(base::seconds(4)));
      if (cluster_.random().below(2) == 0) remove_voter(some_node(cluster_));
      happen();
      cluster_.run_for(cluster_.some_time(base::seconds(2)));
      mend(cluster_);
    }
    cluster_.network.set_reset_one_in(0);
    if (!cluster_.has_failed()) expect_settled();
    if (!cluster_.has_failed()) cluster_.finish();
    Outcome outcome = outcome_of(cluster_, faults);
    if (removed_ > 0) outcome.seen["voters removed"] = removed_;
    if (disks_lost_ > 0) outcome.seen["disks lost"] = disks_lost_;
    return outcome;
  }

 private:
  bool is_settled() { return cluster_.is_whole() && cluster_.is_voted(); }
  void expect_settled() {
    if (!cluster_.run_until([this] { return is_settled(); }, std::chrono::minutes(1)) &&
        !cluster_.has_failed())
      cluster_.history.violation("a minute after the last fault a node has not taken its place");
  }

  static aio::Task<> ask(Membership* self, kafka::RemoveRaftVoterRequest request) {
    const auto answer = co_await self->client_.call(self->client_.any_broker(), std::move(request));
    if (answer && answer->error_code == 0) ++self->removed_;
  }

  // It joins again by itself; asked of any broker, and not waited for.
  void remove_voter(int id) {
    if (!cluster_.host(id).is_ready()) return;
    has_asked_ = true;
    kafka::RemoveRaftVoterRequest request;
    request.cluster_id.reset();
    request.voter_id = id;
    request.voter_directory_id = cluster_.host(id).run()->parts().metadata->raft().self().directory;
    client_.reactor().post([this, request] { aio::start_detached(ask(this, request)); });
    cluster_.run_for(cluster_.some_time(base::seconds(1)));
  }

  void happen() {
    const int id = some_node(cluster_);
    // What only it has, as a replica or as a voter, would be lost for good. A removal that was asked for may
    // be done late, and the voters that are left then need every disk.
    const bool may_lose_disk = !has_asked_ && is_settled() && cluster_.is_spared(id);
    switch (cluster_.random().below(4)) {
      case 0:
        if (may_lose_disk) {
          cluster_.lose_disk(id);
          ++disks_lost_;
          cluster_.run_for(kAway);
          break;
        }
        [[fallthrough]];
      case 1:
        cluster_.host(id).kill();
        cluster_.run_for(kAway);
        break;
      case 2:
        cut_off(cluster_, id);
        cluster_.run_for(kAway);
        break;
      default:
        disturb(cluster_);
        if (cluster_.host(id).is_ready()) remove_voter(id);
    }
  }

  Cluster& cluster_;
  Client client_;
  bool has_asked_ = false;
  std::uint64_t removed_ = 0;
  std::uint64_t disks_lost_ = 0;
};

}  // namespace

// Never freed, as what it has posted.
Outcome run_membership(std::uint64_t seed) { return (new Membership(seed))->run(); }

}  // namespace penstock::sim
