// Whole quorums of cores over in-memory logs, messages delayed, lost and reordered by a seed. Records that
// change the voters are those whose payload is known to Ballots.
//
// Threads: one.
#pragma once

#include "broker/raft/raft_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

#include "kafka/record_batch_builder.h"
#include "tests/unit/broker/raft/memory_log.h"

namespace penstock::raft {
using base::milliseconds;

struct Node {
  ReplicaKey key{};
  MemoryLog log;
  ElectionState durable;
  std::size_t synced = 0;  // Entries that survive a crash.
  std::unique_ptr<RaftCore> core;
  Offset committed{0};
  int life = 0;
  base::Bytes part{};  // What was taken of a snapshot.
};

class Quorum {
 public:
  // Voters have the ids 1 to `size`; observers follow them.
  Quorum(int size, std::uint64_t seed, int observers = 0) : random_(seed) {
    for (int i = 1; i <= size; ++i) {
      Voter voter;
      voter.key = {NodeId(i), base::Uuid{1, static_cast<std::uint64_t>(i)}};
      voter.endpoints = endpoints_of(voter.key.id);
      voters_.push_back(voter);
    }
    for (const auto& voter : voters_) start(voter.key);
    for (int i = size + 1; i <= size + observers; ++i) {
      start({NodeId(i), base::Uuid{1, static_cast<std::uint64_t>(i)}});
    }
  }

  static std::vector<Endpoint> endpoints_of(NodeId id) {
    return {{"CONTROLLER", "node" + std::to_string(id.value()), 9093}};
  }
  void start(const ReplicaKey& key) {
    Node& node = nodes_[key.id];
    node.log.recover(node.synced);
    node.synced = node.log.entries.size();
    node.part.clear();
    ++node.life;
    CoreOptions options;
    options.self = key;
    options.endpoints = endpoints_of(key.id);
    if (is_moved.contains(key.id)) options.endpoints.front().host = "moved";
    options.is_joining = joining.contains(key.id);
    node.key = key;
    node.log.ballots = &ballots_;
    // One that was formatted anew knows of no voter.
    if (!wiped_.contains(key)) node.log.voter_set = voters_;
    node.core = std::make_unique<RaftCore>(options, node.log, random_, node.durable);
    node.core->start(now_);
    drain(key.id);
  }
  void crash(NodeId id) {
    nodes_[id].core.reset();
    is_cut_.erase(id);
    // Neither connections nor a flush under way outlive it.
    std::erase_if(wire_, [id](const InFlight& message) { return message.to == id; });
  }
  void restart(NodeId id) { start(ReplicaKey(nodes_[id].key)); }
  // Its disk is lost: it comes back as another replica, with nothing.
  void wipe(NodeId id) {
    const ReplicaKey key{id, base::Uuid{2, ++wipes_}};
    crash(id);
    nodes_[id] = Node{};
    wiped_.insert(key);
    start(key);
  }
  // Asks the leader, as a person would. The answers are in `answered`.
  void change(Message ask) {
    Node* node = leader();
    if (node == nullptr) return;
    node->core->receive(now_, ask);
    drain(node->key.id);
  }
  void add(const ReplicaKey& key) {
    change(AddVoterAsk{.voter = {.key = key, .endpoints = endpoints_of(key.id)}});
  }
  void remove(const ReplicaKey& key) { change(RemoveVoterAsk{.voter = key}); }
  // As the newest leader's log has them.
  bool is_voter(NodeId id) {
    Node* node = leader();
    if (node == nullptr) return false;
    const Voter* voter = node->core->find_voter(id);
    return voter != nullptr && voter->key == nodes_[id].key &&
           node->log.voters_offset() < node->core->high_watermark();
  }

  // One millisecond.
  void step() {
    now_ += milliseconds(1);
    std::vector<InFlight> due;
    for (auto it = wire_.begin(); it != wire_.end();) {
      if (it->at > now_) {
        ++it;
        continue;
      }
      due.push_back(std::move(*it));
      it = wire_.erase(it);
    }
    for (auto& message : due) {
      Node& node = nodes_[message.to];
      if (!node.core) continue;
      if (const auto* flush = std::get_if<Flush>(&message.what)) {
        if (flush->life != node.life) continue;
        // The flush of a log that was cut meanwhile says nothing.
        node.synced = std::min(node.synced, node.log.entries.size());
        if (flush->cuts == node.log.cuts) node.synced = std::max(node.synced, flush->end);
        node.core->flushed(now_, Offset(static_cast<std::int64_t>(node.synced)));
      } else if (const auto* taken = std::get_if<Taken>(&message.what)) {
        if (taken->life != node.life) continue;
        if (taken->is_last) node.log.snapshots[taken->snapshot] = std::exchange(node.part, {});
        node.core->piece_taken(now_, {});
        // A log that begins at a snapshot is as durable as that.
        node.synced = std::max(node.synced, static_cast<std::size_t>(node.log.start));
      } else {
        node.core->receive(now_, std::get<Message>(message.what));
      }
      drain(message.to);
    }
    for (auto& [id, node] : nodes_) {
      if (!node.core || node.core->next_deadline() > now_) continue;
      node.core->tick(now_);
      drain(id);
    }
    check();
  }
  void run(int milliseconds_count) {
    for (int i = 0; i < milliseconds_count; ++i) step();
  }
  Node* leader() {
    Node* best = nullptr;
    for (auto& [id, node] : nodes_) {
      if (node.core && node.core->is_leader() && (!best || node.core->epoch() > best->core->epoch()))
        best = &node;
    }
    return best;
  }
  bool propose(std::uint64_t payload) {
    Node* node = leader();
    if (node == nullptr) return false;
    node->log.entries.push_back({node->core->epoch(), payload});
    node->core->appended(now_);
    for (auto& [id, candidate] : nodes_) {
      if (&candidate == node) drain(id);
    }
    return true;
  }
  // Nobody is down or cut off, and every node has all that is committed.
  bool is_whole() {
    return is_cut_.empty() && std::ranges::all_of(nodes_, [this](const auto& entry) {
             return entry.second.core && entry.second.synced >= committed.size();
           });
  }
  // Every voter still has its disk, and which they are is committed.
  bool has_settled_voters() {
    Node* node = leader();
    if (node == nullptr || node->log.voters_offset() >= node->core->high_watermark()) return false;
    return std::ranges::all_of(node->core->voters(),
                               [this](const Voter& voter) { return nodes_[voter.key.id].key == voter.key; });
  }
  std::map<NodeId, Node>& nodes() { return nodes_; }
  base::Random& random() { return random_; }
  std::set<NodeId> is_cut_;
  std::set<NodeId> joining;   // Add themselves to the voters.
  std::set<NodeId> is_moved;  // Listen elsewhere once they start again.
  std::vector<ChangeAnswer> answered;
  std::int16_t kraft_version_max = 1;  // Of those that are asked.
  unsigned loss_percent = 0;
  std::size_t sent = 0;  // Messages.
  int loaded = 0;        // Snapshots.
  std::ptrdiff_t piece_bytes = 100;
  base::MonoTime now() const { return now_; }
  // Everything that the node wants done is done.
  void settle(NodeId id) { drain(id); }
  std::vector<Entry> committed;  // As anybody has said; no one may say otherwise.

 private:
  struct Flush {
    std::size_t end = 0;
    int cuts = 0;
    int life = 0;
  };
  struct Taken {
    OffsetAndEpoch snapshot{};
    bool is_last = false;
    int life = 0;
  };
  struct InFlight {
    base::MonoTime at;
    NodeId to;
    std::variant<Message, Flush, Taken> what;
  };

  // kNoNode is any voter but the sender.
  NodeId address_of(NodeId from, const ReplicaKey& to) {
    if (to.id != kafka::kNoNode) return to.id;
    while (true) {
      // As if all of them were bootstrap servers.
      const auto any = std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(random_.below(nodes_.size())));
      if (any->first != from) return any->first;
    }
  }
  void drain(NodeId id) {
    Node& node = nodes_[id];
    for (auto effects = node.core->take_effects(); !effects.empty(); effects = node.core->take_effects()) {
      for (auto& effect : effects) handle(id, node, effect);
    }
  }
  void handle(NodeId id, Node& node, Effect& effect) {
    if (auto* persist = std::get_if<PersistElection>(&effect)) {
      EXPECT_GE(persist->state.epoch, node.durable.epoch) << "an epoch goes back";
      if (persist->state.epoch == node.durable.epoch && node.durable.voted && persist->state.voted) {
        EXPECT_EQ(*persist->state.voted, *node.durable.voted) << "a second vote in one epoch";
      }
      node.durable = persist->state;
    } else if (auto* send = std::get_if<Send>(&effect)) {
      if (const auto* answer = std::get_if<ChangeAnswer>(&send->message);
          answer && send->to.id == kafka::kNoNode) {
        answered.push_back(*answer);
        return;
      }
      if (is_cut_.contains(id) || is_cut_.contains(send->to.id)) return;
      if (random_.below(100) < loss_percent) return;
      ++sent;
      if (const auto* versions = std::get_if<VersionsAsk>(&send->message)) {
        if (!nodes_[send->to.id].core) return;
        const VersionsAnswer answer{
            .id = versions->id, .kraft_version_min = 0, .kraft_version_max = kraft_version_max};
        wire_.push_back({now_ + milliseconds(2 + static_cast<int>(random_.below(40))), id, Message(answer)});
        return;
      }
      wire_.push_back({now_ + milliseconds(1 + static_cast<int>(random_.below(20))), address_of(id, send->to),
                       send->message});
    } else if (auto* begin = std::get_if<StartEpoch>(&effect)) {
      const auto [known, is_new] = leaders_.emplace(begin->epoch, id);
      EXPECT_TRUE(is_new || known->second == id) << "two leaders in epoch " << begin->epoch.value();
      if (!node.core->is_leader() || node.core->epoch() != begin->epoch) return;
      // The first of them writes down who the voters are.
      const bool has_voters = node.log.voters_offset() >= Offset(0);
      node.log.entries.push_back({begin->epoch, has_voters ? 0 : ballots_.add(node.log.voters())});
      node.core->appended(now_);
    } else if (auto* write = std::get_if<WriteVoters>(&effect)) {
      if (!node.core->is_leader() || node.core->epoch() != write->epoch) return;
      node.log.entries.push_back({write->epoch, ballots_.add(write->voters)});
      node.core->appended(now_);
    } else if (std::holds_alternative<FlushLog>(effect)) {
      wire_.push_back({now_ + milliseconds(1 + static_cast<int>(random_.below(5))), id,
                       Flush{node.log.entries.size(), node.log.cuts, node.life}});
    } else if (auto* advance = std::get_if<AdvanceHighWatermark>(&effect)) {
      node.committed = std::max(node.committed, advance->high_watermark);
    } else {
      handle_snapshot(id, node, effect);
    }
  }
  void handle_snapshot(NodeId id, Node& node, Effect& effect) {
    if (auto* piece = std::get_if<SendPiece>(&effect)) {
      SnapshotAnswer answer = piece->answer;
      const auto found = node.log.snapshots.find(answer.snapshot);
      ASSERT_NE(found, node.log.snapshots.end());
      const auto from = found->second.begin() + answer.position;
      answer.piece.assign(from, from + std::min<std::ptrdiff_t>(piece_bytes, found->second.end() - from));
      Effect send = Send{piece->to, std::move(answer)};
      handle(id, node, send);
    } else if (auto* take = std::get_if<TakePiece>(&effect)) {
      if (take->position == 0) node.part.clear();
      EXPECT_EQ(take->position, std::ssize(node.part));
      node.part.insert(node.part.end(), take->piece.begin(), take->piece.end());
      wire_.push_back({now_ + milliseconds(1 + static_cast<int>(random_.below(30))), id,
                       Taken{take->snapshot, take->is_last, node.life}});
    } else if (const auto* load = std::get_if<LoadSnapshot>(&effect)) {
      EXPECT_EQ(load->id.offset, node.log.start_offset());
      ++loaded;
    } else if (const auto* failed = std::get_if<LogFailed>(&effect)) {
      ADD_FAILURE() << "node " << id.value() << ": " << failed->error.what();
    }
  }
  void check() {
    for (auto& [id, node] : nodes_) {
      if (!node.core) continue;
      // SnapshotAtLogStart of Kafka's model.
      if (node.log.start > 0) {
        ASSERT_TRUE(node.log.earliest_snapshot()) << "node " << id.value();
        ASSERT_EQ(node.log.earliest_snapshot()->offset.value(), node.log.start) << "node " << id.value();
      }
      const Offset hw = node.core->high_watermark();
      ASSERT_LE(hw.value(), node.log.end_offset().value()) << "the high watermark is past the log";
      // What was compared before may only have changed by a truncation, which ends at the last one.
      for (std::int64_t i = std::max<std::int64_t>(hw.value() - 20, 0); i < hw.value(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        while (at >= committed.size()) committed.push_back(node.log.entries[committed.size()]);
        ASSERT_TRUE(node.log.entries[at] == committed[at])
            << "node " << id.value() << " has another record at " << i << " than was committed";
      }
    }
  }

  base::SeededRandom random_;
  base::MonoTime now_{};
  VoterSet voters_;
  Ballots ballots_;
  std::set<ReplicaKey> wiped_;
  std::uint64_t wipes_ = 0;
  std::map<NodeId, Node> nodes_;
  std::vector<InFlight> wire_;
  std::map<LeaderEpoch, NodeId> leaders_;
};

struct Trouble {
  int rounds = 0;
  int victims = 0;                                   // The nodes 1 to that may be hit.
  std::function<void(Quorum&)> meanwhile = nullptr;  // Beside each record.
};

// In each round a node may crash or be cut off, while records are proposed and messages lost. Then all is
// healed, and one more record must come to everybody.
inline void endure(Quorum& quorum, const Trouble& trouble) {
  quorum.loss_percent = 5;
  std::uint64_t payload = 1;
  for (int round = 0; round < trouble.rounds; ++round) {
    const NodeId victim(
        static_cast<std::int32_t>(1 + quorum.random().below(static_cast<std::uint64_t>(trouble.victims))));
    const auto what = quorum.random().below(3);
    if (what == 0) quorum.crash(victim);
    if (what == 1) quorum.is_cut_.insert(victim);
    for (int i = 0; i < 20; ++i) {
      quorum.propose(payload++);
      quorum.run(30);
      if (trouble.meanwhile) trouble.meanwhile(quorum);
    }
    if (what == 0) quorum.restart(victim);
    quorum.is_cut_.clear();
    if (testing::Test::HasFatalFailure()) return;
  }
  quorum.loss_percent = 0;
  quorum.run(8000);
  ASSERT_TRUE(quorum.propose(payload)) << "no leader once all is healed";
  quorum.run(2000);
  EXPECT_EQ(quorum.committed.back().payload, payload) << "no progress once all is healed";
  for (const auto& [id, node] : quorum.nodes()) {
    ASSERT_FALSE(node.log.entries.empty());
    EXPECT_EQ(node.log.entries.back().payload, payload) << "node " << id.value();
  }
}

}  // namespace penstock::raft
