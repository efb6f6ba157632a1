// Which broker is fenced on proof of its death, without waiting for its session to end: one at a time, none
// when several vanish together, and never again an incarnation that turned out to be alive.
//
// A proof can be wrong: somebody rejects connections in the broker's place. So that this costs at most a
// change of leaders, the next one is fenced fast only when the last has registered anew and is in service, or
// a session time has passed. When two connections end within kTogether the fault is more likely the network's
// or the machine's, and what is left then is silence.
//
// Signs are taken at all times, also while another node is the active controller.
//
// Threads: the control reactor. Bounds: an entry for each registered broker.
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
  static constexpr base::Duration kTogether = base::seconds(1);

  explicit FastFence(base::Duration window) : window_(window) {}

  // --- What is seen of the incarnation with that epoch ----------------------------------------------------
  void lost(kafka::NodeId broker, kafka::BrokerEpoch epoch, base::MonoTime now);
  void back(kafka::NodeId broker) { suspects_.erase(broker); }
  void proved(kafka::NodeId broker, kafka::BrokerEpoch epoch, base::MonoTime now);

  // Whether its death is proved, fenced or not.
  bool is_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch) const;

  struct Due {
    kafka::NodeId broker{};
    base::MonoTime since{};  // When it was proved.
  };
  // The next one to be fenced for what was seen of it.
  std::optional<Due> due(const MetadataImage& image, base::MonoTime now);
  // When somebody may be due that is not now; max: only by what is seen next.
  base::MonoTime next_deadline() const;

  // Why the broker may not be fenced fast, for people; nullopt when it may.
  std::optional<std::string> why_not(const MetadataImage& image, kafka::NodeId broker, base::MonoTime now);
  // It was.
  void note(const BrokerRegistration& broker, base::MonoTime now);
  // Another controller has decided meanwhile.
  void forget_decisions();

 private:
  struct Fenced {
    kafka::NodeId id{};
    kafka::BrokerEpoch epoch{};
    base::MonoTime at{};
  };
  struct Suspect {
    kafka::BrokerEpoch epoch{};
    base::MonoTime lost_at{};
    std::optional<base::MonoTime> proved_at{};
  };
  void look(const MetadataImage& image, base::MonoTime now);
  std::optional<std::string> refusal_of(kafka::NodeId broker) const;
  bool has_company(const MetadataImage& image, kafka::NodeId broker, base::MonoTime lost_at) const;

  const base::Duration window_;
  std::optional<Fenced> last_;
  std::map<kafka::NodeId, kafka::BrokerEpoch> alive_;
  std::map<kafka::NodeId, Suspect> suspects_;
};

}  // namespace penstock::metadata
