// The other brokers, as replication sees them: where they listen and which incarnation of them is in service.
//
// Lifetime: made anew from each metadata image that changes a broker; shared and never changed.
// Threads:  read by any.
// Source:   KIP-841 (who may join an ISR), KIP-903 (broker epochs in replica fetches).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kafka/ids.h"

namespace penstock::replication {

struct Peer {
  kafka::BrokerEpoch epoch = kafka::kNoBrokerEpoch;
  bool is_active = false;  // Neither fenced nor shutting down.
  std::string host;        // On the listener that brokers use among themselves.
  std::uint16_t port = 0;
  std::optional<std::string> rack;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Peers {
  // Of this process; none until it is registered. Without it nothing is fetched: a leader would take the
  // fetch for one of the process before, whose log may have been longer.
  kafka::BrokerEpoch self_epoch = kafka::kNoBrokerEpoch;
  std::map<kafka::NodeId, Peer> brokers;

  // Null when it is not registered.
  const Peer* find(kafka::NodeId id) const {
    const auto found = brokers.find(id);
    return found == brokers.end() ? nullptr : &found->second;
  }
  friend bool operator==(const Peers&, const Peers&) = default;
};

using PeersPtr = std::shared_ptr<const Peers>;

}  // namespace penstock::replication
