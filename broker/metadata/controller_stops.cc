// Brokers that are to be stopped, and brokers whose death somebody knows of.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"

namespace penstock::metadata {

namespace {

// A broker that wants to stop asks more often.
constexpr base::Duration kSilentStopper = base::seconds(1);

bool moves_leader(const Record& record) {
  const auto* change = std::get_if<kafka::PartitionChangeRecord>(&record);
  return change != nullptr && change->leader >= 0;
}

}  // namespace

std::optional<std::string> Controller::why_not_spared(kafka::NodeId broker) const {
  const QuorumStanding quorum = options_.quorum ? options_.quorum() : QuorumStanding{};
  return metadata::why_not_spared(image(), configs(), quorum, broker);
}

StopReservation::Answer Controller::reserve_stop(kafka::NodeId broker, std::string holder,
                                                 base::MonoTime now) {
  return stop_reservation_.take({broker, std::move(holder)}, image(), now,
                                [&] { return why_not_spared(broker); });
}

bool Controller::is_whole_cluster_stopping() const {
  return std::ranges::all_of(image().brokers(), [this](const auto& entry) {
    return !entry.second->is_active() || heartbeats_.wants_shutdown(entry.first);
  });
}

bool Controller::must_wait_to_stop(const BrokerRegistration& broker, base::MonoTime now) {
  const base::MonoTime since = heartbeats_.note_shutdown_wish(broker.id, now);
  if (must_stop_last(broker.id, now)) return true;
  if (broker.in_controlled_shutdown || heartbeats_.is_shutting_down(broker.id)) return false;
  if (reserve_stop(broker.id, {}, now).is_granted) return false;
  // Nobody is served by waiting where all go.
  return now < since + options_.stop_wait_max && !is_whole_cluster_stopping();
}

bool Controller::must_stop_last(kafka::NodeId broker, base::MonoTime now) const {
  if (broker != options_.self || !is_whole_cluster_stopping()) return false;
  // Without this node there may be no majority any more, and nobody who lets the others go.
  return std::ranges::any_of(image().brokers(), [&](const auto& entry) {
    return entry.first != broker && !entry.second->is_fenced && heartbeats_.was_heard(entry.first) &&
           now < heartbeats_.heard_at(entry.first) + kSilentStopper;
  });
}

DeadBroker Controller::fence_dead(kafka::NodeId id, kafka::BrokerEpoch epoch, base::MonoTime now) {
  const auto refuse = [](std::string reason) { return DeadBroker{.reason = std::move(reason)}; };
  const BrokerRegistration* broker = image().broker(id);
  if (broker == nullptr) return refuse(fmt::format("broker {} is not registered", id));
  if (broker->epoch != epoch) {
    return refuse(fmt::format("broker {} has registered anew: its epoch is {}", id, broker->epoch));
  }
  if (broker->is_fenced) return DeadBroker{.is_fenced = true, .reason = "it was fenced before"};
  if (auto reason = fast_fence_.why_not(image(), id, now)) return refuse(std::move(*reason));
  fast_fence_.note(*broker, now);
  DeadBroker dead{.is_fenced = true};
  dead.work.reason = fmt::format("the process of broker {} has ended; it is fenced", id);
  fence_lost(*broker, now, dead.work);
  return dead;
}

DueWork Controller::fence_proved(base::MonoTime now) {
  DueWork work;
  const auto due = fast_fence_.due(image(), now);
  if (!due) return work;
  const BrokerRegistration* broker = image().broker(due->broker);
  fast_fence_.note(*broker, now);
  work.reason = fmt::format(
      "broker {} refuses connections where it was reached before: it is dead and fenced", due->broker);
  fence_lost(*broker, due->since, work);
  return work;
}

void Controller::fence_lost(const BrokerRegistration& broker, base::MonoTime since, DueWork& work) {
  heartbeats_.forget(broker.id);
  fence(broker, work.records);
  if (std::ranges::any_of(work.records, moves_leader)) work.failover = Failover{broker.id, since};
}

}  // namespace penstock::metadata
