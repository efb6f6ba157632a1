#include "broker/metadata/broker_heartbeats.h"

#include <algorithm>

namespace penstock::metadata {

void BrokerHeartbeats::reset(const MetadataImage& image, base::MonoTime now) {
  brokers_.clear();
  for (const auto& [id, broker] : image.brokers()) {
    if (!broker->is_fenced) brokers_[id] = State{.heard_at = now, .is_fenced = false};
  }
}

void BrokerHeartbeats::touch(kafka::NodeId broker, bool is_fenced, kafka::Offset metadata_offset,
                             base::MonoTime now) {
  State& state = brokers_[broker];
  state.heard_at = now;
  state.was_heard = true;
  state.is_fenced = is_fenced;
  state.metadata_offset = std::max(state.metadata_offset, metadata_offset);
  if (is_fenced) {
    state.shutdown_offset.reset();
    state.wished_at.reset();
  }
}

bool BrokerHeartbeats::has_session(kafka::NodeId broker, base::MonoTime now) const {
  const auto found = brokers_.find(broker);
  return found != brokers_.end() && now < found->second.heard_at + session_timeout_;
}

bool BrokerHeartbeats::was_heard(kafka::NodeId broker) const {
  const auto found = brokers_.find(broker);
  return found != brokers_.end() && found->second.was_heard;
}

std::optional<kafka::NodeId> BrokerHeartbeats::find_silent(base::MonoTime now) const {
  std::optional<kafka::NodeId> silent;
  base::MonoTime oldest = base::MonoTime::max();
  for (const auto& [id, state] : brokers_) {
    if (state.is_fenced || now < state.heard_at + session_timeout_ || state.heard_at >= oldest) continue;
    silent = id;
    oldest = state.heard_at;
  }
  return silent;
}

base::MonoTime BrokerHeartbeats::next_deadline() const {
  base::MonoTime next = base::MonoTime::max();
  for (const auto& [id, state] : brokers_) {
    if (!state.is_fenced) next = std::min(next, state.heard_at + session_timeout_);
  }
  return next;
}

base::MonoTime BrokerHeartbeats::note_shutdown_wish(kafka::NodeId broker, base::MonoTime now) {
  auto& wished_at = brokers_[broker].wished_at;
  if (!wished_at) wished_at = now;
  return *wished_at;
}

bool BrokerHeartbeats::wants_shutdown(kafka::NodeId broker) const {
  const auto found = brokers_.find(broker);
  return found != brokers_.end() && found->second.wished_at.has_value();
}

void BrokerHeartbeats::begin_shutdown(kafka::NodeId broker, kafka::Offset records_end) {
  brokers_[broker].shutdown_offset = records_end;
}

bool BrokerHeartbeats::is_shutting_down(kafka::NodeId broker) const {
  const auto found = brokers_.find(broker);
  return found != brokers_.end() && found->second.shutdown_offset.has_value();
}

bool BrokerHeartbeats::is_shutdown_seen(kafka::NodeId broker) const {
  const auto found = brokers_.find(broker);
  if (found == brokers_.end() || !found->second.shutdown_offset) return true;
  return std::ranges::all_of(brokers_, [&](const auto& entry) {
    const State& state = entry.second;
    return state.is_fenced || state.shutdown_offset ||
           state.metadata_offset >= *found->second.shutdown_offset;
  });
}

}  // namespace penstock::metadata
