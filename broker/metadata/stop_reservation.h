// Who may be stopped: one broker at a time, and only where its partitions and the quorum can spare it.
//
// What holds a reservation is an operator by name, or a broker that was told to stop and asks by its
// heartbeats. It is known to the active controller alone and lost with its leadership. That is safe because a
// broker that stops is looked at a second time, in its controlled shutdown, and is then in the metadata as
// fenced or in controlled shutdown, so that no controller grants another stop beside it.
//
// Threads: the control reactor. Bounds: one reservation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/image.h"
#include "kafka/ids.h"

namespace penstock::metadata {

// The voters of the metadata quorum, as its leader sees them.
struct QuorumStanding {
  struct Voter {
    kafka::NodeId id{};
    bool is_caught_up = false;
  };
  std::vector<Voter> voters{};
};

// Why the cluster cannot spare the broker now, for people; nullopt when it can. A broker that is out of
// service already can be spared by its partitions, and a cluster of one broker has nothing to keep.
std::optional<std::string> why_not_spared(const MetadataImage& image, const BrokerConfigView& configs,
                                          const QuorumStanding& quorum, kafka::NodeId broker);

class StopReservation {
 public:
  static constexpr base::Duration kHeldMax = base::seconds(600);

  struct Asked {
    kafka::NodeId broker{};
    std::string holder;  // Empty: the broker itself.
  };
  struct Answer {
    bool is_granted = false;
    std::string reason;        // Why not, for people.
    base::MonoTime expires{};  // When granted.
  };

  // `why_not_spared` is asked only of what nobody holds yet.
  template <typename WhyNotSpared>
  Answer take(const Asked& asked, const MetadataImage& image, base::MonoTime now,
              WhyNotSpared why_not_spared) {
    if (auto held = answer_held(asked, image, now)) return std::move(*held);
    if (auto reason = why_not_spared()) return {.reason = std::move(*reason)};
    return grant(asked, image, now);
  }
  // False when there is none of that broker.
  bool release(kafka::NodeId broker);
  void clear() { held_.reset(); }

 private:
  struct Held {
    Asked by{};
    kafka::BrokerEpoch epoch{};  // Of the broker when it was granted.
    base::MonoTime expires{};
  };

  // nullopt when nothing is held.
  std::optional<Answer> answer_held(const Asked& asked, const MetadataImage& image, base::MonoTime now);
  Answer grant(const Asked& asked, const MetadataImage& image, base::MonoTime now);
  // The broker has stopped and come back with all of its replicas, or was unregistered.
  bool is_over(const MetadataImage& image, base::MonoTime now) const;

  std::optional<Held> held_;
};

}  // namespace penstock::metadata
