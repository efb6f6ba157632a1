// Stops and deaths of brokers, as the admin port asks and as time brings them.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/metadata/metadata_node.h"

namespace penstock::metadata {

namespace {

constexpr base::Logger log("metadata");

}  // namespace

QuorumStanding MetadataNode::quorum_standing() const {
  QuorumStanding standing;
  // A voter that follows asks several times in that time, also when there is nothing new.
  const base::MonoTime recent =
      options_.reactor->now() - base::milliseconds(options_.config->quorum_fetch_timeout_ms());
  for (const raft::ReplicaProgress& replica : raft_->progress()) {
    if (!replica.is_voter) continue;
    const bool is_caught_up = replica.last_caught_up && *replica.last_caught_up >= recent;
    standing.voters.push_back({replica.key.id, is_caught_up});
  }
  return standing;
}

std::optional<StopReservation::Answer> MetadataNode::reserve_stop(kafka::NodeId broker, std::string holder) {
  if (!can_decide()) return std::nullopt;
  return controller_.reserve_stop(broker, std::move(holder), options_.reactor->now());
}

std::optional<bool> MetadataNode::release_stop(kafka::NodeId broker) {
  if (!can_decide()) return std::nullopt;
  return controller_.release_stop(broker);
}

aio::Task<std::optional<DeadBroker>> MetadataNode::fence_dead(kafka::NodeId broker,
                                                              kafka::BrokerEpoch epoch) {
  if (!can_decide() || !gate_.enter()) co_return std::nullopt;
  DeadBroker dead = controller_.fence_dead(broker, epoch, options_.reactor->now());

  const bool is_done = dead.work.records.empty() || co_await carry_out(std::exchange(dead.work, {}));
  gate_.leave();
  arm_timer();
  if (!is_done) co_return std::nullopt;
  co_return dead;
}

aio::Task<bool> MetadataNode::carry_out(DueWork work) {
  log.warn("{}", work.reason);
  const auto failover = work.failover;
  if (!co_await commit(std::move(work.records))) co_return false;
  if (failover) {
    const auto took =
        std::chrono::duration_cast<base::milliseconds>(options_.reactor->now() - failover->since);
    last_failover_ = LastFailover{failover->broker, took.count(), options_.reactor->wall_ms()};
    log.info("the leaderships of broker {} are with others after {} ms", failover->broker, took.count());
  }
  co_return true;
}

}  // namespace penstock::metadata
