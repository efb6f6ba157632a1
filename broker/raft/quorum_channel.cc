#include "broker/raft/quorum_channel.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/aio/refusal.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/raft/wire_voters.h"

namespace penstock::raft {

namespace {

constexpr base::Logger log("raft");
constexpr std::size_t kLearnedMax = 1024;
constexpr std::size_t kLinksMax = 256;
constexpr base::Duration kGoodbyeMax = base::milliseconds(500);

kafka::Endpoint endpoint_of(const NodeEndpoint& at) { return {at.host, at.port}; }

template <typename Ask>
constexpr bool kIsAboutVoters = std::is_same_v<Ask, AddVoterAsk> || std::is_same_v<Ask, RemoveVoterAsk> ||
                                std::is_same_v<Ask, UpdateVoterAsk> || std::is_same_v<Ask, VersionsAsk>;

}  // namespace

void QuorumChannel::learn(const std::optional<NodeEndpoint>& at) {
  if (!at || at->host.empty() || at->port == 0) return;
  if (learned_.size() >= kLearnedMax && !learned_.contains(at->id)) learned_.clear();
  learned_[at->id] = *at;
}

std::optional<NodeEndpoint> QuorumChannel::find(NodeId node) const {
  const auto named = [&](const std::vector<Endpoint>& endpoints) -> std::optional<NodeEndpoint> {
    const auto found = std::ranges::find(endpoints, options_.identity.listener_name, &Endpoint::name);
    if (found == endpoints.end()) return std::nullopt;
    return NodeEndpoint{node, found->host, found->port};
  };
  if (node == node_->self().id) return named(options_.identity.endpoints);
  if (const auto found = learned_.find(node); found != learned_.end()) return found->second;
  for (const Voter& voter : node_->voters()) {
    if (voter.key.id == node) return named(voter.endpoints);
  }
  return std::nullopt;
}

std::optional<kafka::Endpoint> QuorumChannel::address_of(NodeId node) {
  if (node != kafka::kNoNode) {
    const auto at = find(node);
    return at ? std::optional(endpoint_of(*at)) : std::nullopt;
  }
  // Anybody: the bootstrap servers and the voters by turns.
  std::vector<kafka::Endpoint> candidates = options_.bootstrap;
  for (const Voter& voter : node_->voters()) {
    if (voter.key.id == node_->self().id) continue;
    if (const auto at = find(voter.key.id)) candidates.push_back(endpoint_of(*at));
  }
  for (const Endpoint& own : options_.identity.endpoints) {
    std::erase(candidates, kafka::Endpoint{own.host, own.port});
  }
  if (candidates.empty()) return std::nullopt;
  return candidates[next_bootstrap_++ % candidates.size()];
}

std::shared_ptr<kafka::Link> QuorumChannel::link_to(const kafka::Endpoint& endpoint, Use use) {
  const std::pair key(endpoint, use);
  if (const auto found = links_.find(key); found != links_.end()) return found->second;
  if (links_.size() >= kLinksMax) {
    for (const auto& [at, link] : std::exchange(links_, {})) {
      link->close(base::Error(base::Errc::kCancelled, "too many addresses"));
    }
  }
  kafka::ConnectionOptions connection;
  connection.client_id = "raft-client-" + std::to_string(node_->self().id.value());
  auto link = std::make_shared<kafka::Link>(*options_.reactor, *options_.transport, gate_, endpoint,
                                            std::move(connection));
  links_.emplace(key, link);
  return link;
}

bool QuorumChannel::is_refusing(NodeId node) const {
  const auto found = evidence_.find(node);
  return found != evidence_.end() && found->second.is_refusing(options_.reactor->now());
}

void QuorumChannel::note_connection(NodeId node, const kafka::Endpoint& at,
                                    const kafka::Link::Opened& outcome) {
  if (node == kafka::kNoNode) {
    for (const Voter& voter : node_->voters()) {
      const auto listens = find(voter.key.id);
      if (listens && endpoint_of(*listens) == at) node = voter.key.id;
    }
  }
  if (node == kafka::kNoNode) return;
  if (evidence_.size() >= kLearnedMax && !evidence_.contains(node)) evidence_.clear();
  DeathEvidence& evidence = evidence_[node];
  if (outcome) {
    evidence.connected();
  } else if (!aio::is_refusal(outcome.error())) {
    evidence.failed();
  } else if (evidence.refused(options_.reactor->now()) && options_.is_death_told) {
    node_->peer_died(node);
  }
}

template <typename Ask>
std::optional<kafka::Endpoint> QuorumChannel::address_for(const ReplicaKey& to, const Ask& ask) {
  if constexpr (std::is_same_v<Ask, VersionsAsk>) {
    // Where the voter-to-be says that it is, nowhere else.
    const auto at = std::ranges::find(ask.endpoints, options_.identity.listener_name, &Endpoint::name);
    return at == ask.endpoints.end() ? std::nullopt : std::optional(kafka::Endpoint{at->host, at->port});
  } else {
    return address_of(to.id);
  }
}

template <typename Ask>
aio::Task<> QuorumChannel::exchange(ReplicaKey to, Ask ask) {
  constexpr bool kIsGoodbye = std::is_same_v<Ask, EndEpochAsk>;
  // A change of the voters is answered late, and holds up no vote.
  constexpr bool kIsFetch = std::is_same_v<Ask, FetchAsk> || std::is_same_v<Ask, SnapshotAsk>;
  constexpr Use kUse = kIsFetch ? Use::kFetch : kIsAboutVoters<Ask> ? Use::kVoters : Use::kElection;
  // Whatever comes of it comes later: the node is in the midst of its effects.
  co_await aio::yield(*options_.reactor);
  const auto address = address_for(to, ask);
  if (!address) {
    node_->unanswered(to, ask);
    co_return;
  }
  if (kIsGoodbye) ++goodbyes_;
  const base::MonoTime deadline = options_.reactor->now() + options_.request_timeout;
  const auto link = link_to(*address, kUse);
  auto connection = co_await link->connection(deadline);
  std::optional<Heard<decltype(read_answer(ask, to.id, {}).value().answer)>> heard;
  if (connection) {
    auto response = co_await (*connection)->call(to_request(options_.identity, ask), deadline);
    if (response) {
      heard = read_answer(ask, to.id, *response);
    } else {
      log.debug("node {} at {}: {}", to.id, address->to_string(), response.error().what());
      // After silence the next question takes a new connection.
      link->drop(response.error());
    }
  } else {
    log.debug("node {} at {}: {}", to.id, address->to_string(), connection.error().what());
    // It may have moved: what the voter set says counts again.
    if (const auto at = learned_.find(to.id); at != learned_.end() && endpoint_of(at->second) == *address) {
      learned_.erase(at);
    }
  }
  if (kIsGoodbye && --goodbyes_ == 0) {
    options_.reactor->post([said = goodbyes_said_] { said.set(true); });
  }
  if (is_stopped_) co_return;
  if (!heard) {
    node_->unanswered(to, ask);
    note_connection(to.id, *address, connection);
    co_return;
  }
  note_connection(to.id, *address, connection);
  learn(heard->leader);
  node_->receive(std::move(heard->answer));
}

void QuorumChannel::send(const ReplicaKey& to, Message ask) {
  if (is_stopped_) return;
  if (auto* vote = std::get_if<VoteAsk>(&ask)) {
    aio::spawn(gate_, "raft vote", exchange(to, std::move(*vote)));
  } else if (auto* fetch = std::get_if<FetchAsk>(&ask)) {
    aio::spawn(gate_, "raft fetch", exchange(to, *fetch));
  } else if (auto* piece = std::get_if<SnapshotAsk>(&ask)) {
    aio::spawn(gate_, "raft fetch snapshot", exchange(to, *piece));
  } else if (auto* begin = std::get_if<BeginEpochAsk>(&ask)) {
    aio::spawn(gate_, "raft begin epoch", exchange(to, *begin));
  } else if (auto* end = std::get_if<EndEpochAsk>(&ask)) {
    aio::spawn(gate_, "raft end epoch", exchange(to, std::move(*end)));
  } else if (auto* add = std::get_if<AddVoterAsk>(&ask)) {
    aio::spawn(gate_, "raft add voter", exchange(to, std::move(*add)));
  } else if (auto* remove = std::get_if<RemoveVoterAsk>(&ask)) {
    aio::spawn(gate_, "raft remove voter", exchange(to, std::move(*remove)));
  } else if (auto* update = std::get_if<UpdateVoterAsk>(&ask)) {
    aio::spawn(gate_, "raft update voter", exchange(to, std::move(*update)));
  } else if (auto* versions = std::get_if<VersionsAsk>(&ask)) {
    aio::spawn(gate_, "raft voter versions", exchange(to, std::move(*versions)));
  }
}

aio::Task<> QuorumChannel::stop() {
  // One turn for goodbyes that were only just sent.
  co_await aio::yield(*options_.reactor);
  goodbyes_said_ = {};
  if (goodbyes_ > 0) {
    const auto timer =
        options_.reactor->call_after(kGoodbyeMax, [said = goodbyes_said_] { said.set(false); });
    (void)co_await goodbyes_said_.wait();
    options_.reactor->cancel(timer);
  }
  is_stopped_ = true;
  for (const auto& [at, link] : links_) link->close(base::Error(base::Errc::kShuttingDown, "the node stops"));
  links_.clear();
  co_await gate_.close();
}

}  // namespace penstock::raft
