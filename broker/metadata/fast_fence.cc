#include "broker/metadata/fast_fence.h"

#include <algorithm>

#include <fmt/format.h>

namespace penstock::metadata {

void FastFence::lost(kafka::NodeId broker, kafka::BrokerEpoch epoch, base::MonoTime now) {
  suspects_[broker] = Suspect{.epoch = epoch, .lost_at = now};
}

void FastFence::proved(kafka::NodeId broker, kafka::BrokerEpoch epoch, base::MonoTime now) {
  const auto found = suspects_.find(broker);
  if (found != suspects_.end() && found->second.epoch == epoch) found->second.proved_at = now;
}

bool FastFence::is_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch) const {
  const auto found = suspects_.find(broker);
  return found != suspects_.end() && found->second.epoch == epoch && found->second.proved_at.has_value();
}

void FastFence::look(const MetadataImage& image, base::MonoTime now) {
  const auto is_past = [&](kafka::NodeId id, kafka::BrokerEpoch epoch) {
    const BrokerRegistration* broker = image.broker(id);
    return broker == nullptr || broker->epoch != epoch;
  };
  std::erase_if(alive_, [&](const auto& entry) { return is_past(entry.first, entry.second); });
  std::erase_if(suspects_, [&](const auto& entry) { return is_past(entry.first, entry.second.epoch); });
  if (!last_) return;
  const BrokerRegistration* broker = image.broker(last_->id);
  if (broker != nullptr && broker->epoch == last_->epoch && !broker->is_fenced) {
    // It never registered anew: the process that was taken for dead sends heartbeats.
    alive_[last_->id] = last_->epoch;
  }
  const bool is_gone = broker == nullptr;
  const bool is_back = broker != nullptr && broker->epoch != last_->epoch && broker->is_active();
  if (is_gone || is_back || now >= last_->at + window_) last_.reset();
}

bool FastFence::has_company(const MetadataImage& image, kafka::NodeId broker, base::MonoTime lost_at) const {
  return std::ranges::any_of(suspects_, [&](const auto& entry) {
    const auto& [id, other] = entry;
    const BrokerRegistration* registration = image.broker(id);
    if (id == broker || registration == nullptr || !registration->is_active()) return false;
    return other.lost_at - lost_at < kTogether && lost_at - other.lost_at < kTogether;
  });
}

std::optional<FastFence::Due> FastFence::due(const MetadataImage& image, base::MonoTime now) {
  look(image, now);
  for (const auto& [id, suspect] : suspects_) {
    if (!suspect.proved_at || image.broker(id)->is_fenced) continue;
    if (has_company(image, id, suspect.lost_at) || refusal_of(id)) continue;
    return Due{id, *suspect.proved_at};
  }
  return std::nullopt;
}

base::MonoTime FastFence::next_deadline() const {
  const bool is_any_proved =
      std::ranges::any_of(suspects_, [](const auto& entry) { return entry.second.proved_at.has_value(); });
  return last_ && is_any_proved ? last_->at + window_ : base::MonoTime::max();
}

std::optional<std::string> FastFence::why_not(const MetadataImage& image, kafka::NodeId broker,
                                              base::MonoTime now) {
  look(image, now);
  return refusal_of(broker);
}

std::optional<std::string> FastFence::refusal_of(kafka::NodeId broker) const {
  if (const auto found = alive_.find(broker); found != alive_.end()) {
    return fmt::format("broker {} of epoch {} was taken for dead before and was not", broker, found->second);
  }
  if (last_) return fmt::format("broker {} was fenced so just before and is not back", last_->id);
  return std::nullopt;
}

void FastFence::note(const BrokerRegistration& broker, base::MonoTime now) {
  last_ = Fenced{broker.id, broker.epoch, now};
}

void FastFence::forget_decisions() {
  last_.reset();
  alive_.clear();
}

}  // namespace penstock::metadata
