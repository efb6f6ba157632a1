#include "broker/metadata/stop_reservation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/metadata/min_isr.h"

namespace penstock::metadata {
namespace {

// So many others in sync the partition must have. With as many replicas as min.insync.replicas, no stop could
// keep it; then all the others must be there.
std::size_t others_needed(const Partition& partition, std::int32_t min_isr) {
  return std::min(static_cast<std::size_t>(min_isr), partition.replicas.size() - 1);
}

std::optional<std::string> why_not_by_brokers(const MetadataImage& image, kafka::NodeId broker) {
  for (const auto& [id, other] : image.brokers()) {
    if (id == broker || other->is_active()) continue;
    return fmt::format("broker {} is {}", id, other->is_fenced ? "fenced" : "in controlled shutdown");
  }
  return std::nullopt;
}

std::optional<std::string> why_not_by_quorum(const QuorumStanding& quorum, kafka::NodeId broker) {
  const auto is_it = [&](const QuorumStanding::Voter& voter) { return voter.id == broker; };
  if (std::ranges::none_of(quorum.voters, is_it)) return std::nullopt;
  const std::size_t voters = quorum.voters.size();
  // One or two voters have no majority without one: then all the others must be there.
  const std::size_t needed = std::min(voters / 2 + 1, voters - 1);
  const auto caught_up = static_cast<std::size_t>(std::ranges::count_if(
      quorum.voters, [&](const auto& voter) { return voter.is_caught_up && !is_it(voter); }));
  if (caught_up >= needed) return std::nullopt;
  return fmt::format("without broker {} only {} of the {} voters of the metadata quorum are caught up",
                     broker, caught_up, voters);
}

std::optional<std::string> why_not_by_partitions(const MetadataImage& image, const BrokerConfigView& configs,
                                                 kafka::NodeId broker) {
  for (const auto& topic : image.topics()) {
    std::optional<std::int32_t> min_isr;
    for (std::int32_t i = 0; i < topic->partition_count(); ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition == nullptr || !partition->has_replica(broker)) continue;
      if (!partition->is_in_isr(broker)) {
        return fmt::format("the replica of {}-{} on broker {} is not in sync", topic->name, i, broker);
      }
      if (!min_isr) min_isr = min_isr_of(configs, image, topic->name);
      const std::size_t others = partition->isr.size() - 1;
      if (others >= others_needed(*partition, *min_isr)) continue;
      return fmt::format("{}-{} has {} in-sync replicas on other brokers and needs {}", topic->name, i,
                         others, others_needed(*partition, *min_isr));
    }
  }
  return std::nullopt;
}

bool has_all_replicas_in_sync(const MetadataImage& image, kafka::NodeId broker) {
  for (const auto& topic : image.topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition && partition->has_replica(broker) && !partition->is_in_isr(broker)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> why_not_spared(const MetadataImage& image, const BrokerConfigView& configs,
                                          const QuorumStanding& quorum, kafka::NodeId broker) {
  const BrokerRegistration* registration = image.broker(broker);
  if (registration == nullptr) return fmt::format("broker {} is not registered", broker);
  if (image.brokers().size() == 1) return std::nullopt;
  if (auto reason = why_not_by_brokers(image, broker)) return reason;
  if (auto reason = why_not_by_quorum(quorum, broker)) return reason;
  if (registration->is_fenced) return std::nullopt;
  return why_not_by_partitions(image, configs, broker);
}

bool StopReservation::is_over(const MetadataImage& image, base::MonoTime now) const {
  if (now >= held_->expires) return true;
  const BrokerRegistration* broker = image.broker(held_->by.broker);
  if (broker == nullptr) return true;
  return broker->epoch != held_->epoch && broker->is_active() &&
         has_all_replicas_in_sync(image, held_->by.broker);
}

std::optional<StopReservation::Answer> StopReservation::answer_held(const Asked& asked,
                                                                    const MetadataImage& image,
                                                                    base::MonoTime now) {
  if (held_ && is_over(image, now)) held_.reset();
  if (!held_) return std::nullopt;
  if (held_->by.broker == asked.broker) {
    // A broker that stops by itself takes nothing from the one who told it to, nor keeps it from him.
    const bool is_own = held_->by.holder.empty() || asked.holder.empty();
    if (is_own || held_->by.holder == asked.holder) {
      if (!asked.holder.empty()) held_->by.holder = asked.holder;
      held_->expires = now + kHeldMax;
      return Answer{.is_granted = true, .expires = held_->expires};
    }
  }
  const std::string holder = held_->by.holder.empty() ? "itself" : held_->by.holder;
  return Answer{.reason = fmt::format("the stop of broker {} is reserved by {}", held_->by.broker, holder)};
}

StopReservation::Answer StopReservation::grant(const Asked& asked, const MetadataImage& image,
                                               base::MonoTime now) {
  held_ = Held{.by = asked, .epoch = image.broker(asked.broker)->epoch, .expires = now + kHeldMax};
  return {.is_granted = true, .expires = held_->expires};
}

bool StopReservation::release(kafka::NodeId broker) {
  if (!held_ || held_->by.broker != broker) return false;
  held_.reset();
  return true;
}

}  // namespace penstock::metadata
