#include "broker/metadata/fast_fence.h"

#include <fmt/format.h>

namespace penstock::metadata {

void FastFence::look(const MetadataImage& image, base::MonoTime now) {
  std::erase_if(alive_, [&](const auto& entry) {
    const BrokerRegistration* broker = image.broker(entry.first);
    return broker == nullptr || broker->epoch != entry.second;
  });
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

std::optional<std::string> FastFence::why_not(const MetadataImage& image, kafka::NodeId broker,
                                              base::MonoTime now) {
  look(image, now);
  if (const auto found = alive_.find(broker); found != alive_.end()) {
    return fmt::format("broker {} of epoch {} was taken for dead before and was not", broker, found->second);
  }
  if (last_) return fmt::format("broker {} was fenced so just before and is not back", last_->id);
  return std::nullopt;
}

void FastFence::note(const BrokerRegistration& broker, base::MonoTime now) {
  last_ = Fenced{broker.id, broker.epoch, now};
}

void FastFence::clear() {
  last_.reset();
  alive_.clear();
}

}  // namespace penstock::metadata
