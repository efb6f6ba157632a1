// Stops and deaths of brokers, as the admin port asks and as time brings them.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/metadata/metadata_node.h"

namespace penstock::metadata {

namespace {

constexpr base::Logger log("metadata");

}  // namespace

std::unique_ptr<BrokerWatch> MetadataNode::make_watch() {
  if (options_.transport == nullptr || !options_.config->fast_failover()) return nullptr;
  BrokerWatch::Options watch;
  watch.reactor = options_.reactor;
  watch.transport = options_.transport;
  watch.self = options_.node;
  watch.listener_name = options_.inter_broker_listener;
  watch.tell = [this](kafka::NodeId broker, kafka::BrokerEpoch epoch, BrokerWatch::Sign sign) {
    on_sign(broker, epoch, sign);
  };
  return std::make_unique<BrokerWatch>(std::move(watch));
}

void MetadataNode::on_sign(kafka::NodeId broker, kafka::BrokerEpoch epoch, BrokerWatch::Sign sign) {
  FastFence& fence = controller_.fast_fence();
  const base::MonoTime now = options_.reactor->now();
  switch (sign) {
    case BrokerWatch::Sign::kLost:
      fence.lost(broker, epoch, now);
      return;
    case BrokerWatch::Sign::kBack:
      fence.back(broker);
      break;
    case BrokerWatch::Sign::kDead:
      log.warn("broker {} of epoch {} is dead: its address refuses connections", broker, epoch);
      fence.proved(broker, epoch, now);
      break;
  }
  if (can_decide()) aio::spawn(gate_, "controller upkeep", do_due_work());
}

void MetadataNode::publish(ImageUpdate update) {
  images_.publish(std::move(update));
  if (watch_) watch_->on_image(*images_.current());
}

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

bool MetadataNode::is_quorum_gone() const {
  const auto& voters = raft_->voters();
  const auto gone = std::ranges::count_if(voters, [this](const raft::Voter& voter) {
    return channel_->is_refusing(voter.key.id) || (watch_ && watch_->is_dead(voter.key.id));
  });
  return static_cast<std::size_t>(gone) > (voters.size() - 1) / 2;
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
