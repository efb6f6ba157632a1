// Takes the questions of this node's raft member to the others over Kafka's protocol, and brings their
// answers.
//
// It knows where the others are: by the voter set, by what they say of the leader, and by the bootstrap
// servers for whoever is yet to be found. A fetch that waits has a connection of its own, so that it holds up
// no vote.
//
// Lifetime: attach() before the first send(); stop() before the node goes.
// Threads: the control reactor.
// Bounds: three connections to each address, ConnectionOptions::in_flight_max questions on each.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "broker/raft/death_evidence.h"
#include "broker/raft/raft_node.h"
#include "broker/raft/wire.h"
#include "kafka/client/link.h"

namespace penstock::raft {

struct QuorumChannelOptions {
  aio::Reactor* reactor = nullptr;
  aio::Transport* transport = nullptr;
  WireIdentity identity{};
  std::vector<kafka::Endpoint> bootstrap{};
  base::Duration request_timeout = base::seconds(2);
  bool is_death_told = true;  // Whether the node hears of peers whose death is proved.
};

class QuorumChannel final : public PeerSender {
 public:
  explicit QuorumChannel(QuorumChannelOptions options) : options_(std::move(options)) {}

  void attach(RaftNode& node) { node_ = &node; }
  // Says goodbye: what tells the others that this node leads no more is given half a second.
  aio::Task<> stop();

  void send(const ReplicaKey& to, Message ask) override;

  const WireIdentity& identity() const { return options_.identity; }
  // A node told where it, or the leader, is.
  void learn(const std::optional<NodeEndpoint>& at);
  // Of a leader or voter; this node's own too. nullopt while nobody has said.
  std::optional<NodeEndpoint> find(NodeId node) const;
  // Its address refuses connections by now: whoever waits for it may wait long.
  bool is_refusing(NodeId node) const;

 private:
  enum class Use : std::uint8_t { kFetch, kElection, kVoters };

  template <typename Ask>
  aio::Task<> exchange(ReplicaKey to, Ask ask);
  std::optional<kafka::Endpoint> address_of(NodeId node);
  // What came of an attempt to connect to the node there; kNoNode is whoever it is.
  void note_connection(NodeId node, const kafka::Endpoint& at, const kafka::Link::Opened& outcome);
  template <typename Ask>
  std::optional<kafka::Endpoint> address_for(const ReplicaKey& to, const Ask& ask);
  std::shared_ptr<kafka::Link> link_to(const kafka::Endpoint& endpoint, Use use);

  const QuorumChannelOptions options_;
  RaftNode* node_ = nullptr;
  std::map<NodeId, NodeEndpoint> learned_;                                         // At most kLearnedMax.
  std::map<std::pair<kafka::Endpoint, Use>, std::shared_ptr<kafka::Link>> links_;  // At most kLinksMax.
  std::map<NodeId, DeathEvidence> evidence_;                                       // At most kLearnedMax.
  std::size_t next_bootstrap_ = 0;
  std::size_t goodbyes_ = 0;  // Under way.
  aio::Completion<bool> goodbyes_said_;
  bool is_stopped_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::raft
