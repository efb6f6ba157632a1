// How often a broker may be fenced on proof of its death, without waiting for its session to end: one at a
// time, and never again an incarnation that turned out to be alive.
//
// A proof can be wrong: somebody rejects connections in its place. So that this costs at most a change of
// leaders, the next one is fenced fast only when the last has registered anew and is in service, or a session
// time has passed.
//
// Threads: the control reactor. Bounds: one broker is remembered as fenced, and of each registered broker the
// incarnation that was alive after all.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "broker/metadata/image.h"
#include "kafka/ids.h"

namespace penstock::metadata {

class FastFence {
 public:
  explicit FastFence(base::Duration window) : window_(window) {}

  // Why the broker may not be fenced fast, for people; nullopt when it may.
  std::optional<std::string> why_not(const MetadataImage& image, kafka::NodeId broker, base::MonoTime now);
  // It was.
  void note(const BrokerRegistration& broker, base::MonoTime now);
  void clear();

 private:
  struct Fenced {
    kafka::NodeId id{};
    kafka::BrokerEpoch epoch{};
    base::MonoTime at{};
  };
  void look(const MetadataImage& image, base::MonoTime now);

  const base::Duration window_;
  std::optional<Fenced> last_;
  std::map<kafka::NodeId, kafka::BrokerEpoch> alive_;
};

}  // namespace penstock::metadata
