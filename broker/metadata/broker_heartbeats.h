// Who was heard of when: the part of the controller's knowledge that no record holds.
//
// Threads: the control reactor.
#pragma once

#include <map>
#include <optional>

#include "base/clock.h"
#include "broker/metadata/image.h"
#include "kafka/ids.h"

namespace penstock::metadata {

class BrokerHeartbeats {
 public:
  explicit BrokerHeartbeats(base::Duration session_timeout) : session_timeout_(session_timeout) {}

  // Every unfenced broker has one session time from now to be heard of.
  void reset(const MetadataImage& image, base::MonoTime now);
  void touch(kafka::NodeId broker, bool is_fenced, kafka::Offset metadata_offset, base::MonoTime now);
  void forget(kafka::NodeId broker) { brokers_.erase(broker); }

  // REQUIRES: it was heard of.
  base::MonoTime heard_at(kafka::NodeId broker) const { return brokers_.at(broker).heard_at; }
  bool has_session(kafka::NodeId broker, base::MonoTime now) const;
  // Whether a heartbeat came, and not only a new controller.
  bool was_heard(kafka::NodeId broker) const;
  // An unfenced broker whose session has ended, the one that is silent longest.
  std::optional<kafka::NodeId> find_silent(base::MonoTime now) const;
  base::MonoTime next_deadline() const;

  // A broker leaves once every active one has read past the records that moved its leaders.
  // Since when the broker asks to be let go: `now` at the first time.
  base::MonoTime note_shutdown_wish(kafka::NodeId broker, base::MonoTime now);
  bool wants_shutdown(kafka::NodeId broker) const;
  void begin_shutdown(kafka::NodeId broker, kafka::Offset records_end);
  bool is_shutting_down(kafka::NodeId broker) const;
  bool is_shutdown_seen(kafka::NodeId broker) const;

 private:
  struct State {
    base::MonoTime heard_at{};
    kafka::Offset metadata_offset = kafka::kNoOffset;
    bool is_fenced = true;
    bool was_heard = false;
    std::optional<base::MonoTime> wished_at{};
    std::optional<kafka::Offset> shutdown_offset{};
  };

  const base::Duration session_timeout_;
  std::map<kafka::NodeId, State> brokers_;
};

}  // namespace penstock::metadata
