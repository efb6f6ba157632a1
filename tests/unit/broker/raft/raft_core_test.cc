#include "broker/raft/raft_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "broker/raft/epoch_limits.h"
#include "tests/unit/broker/raft/quorum.h"

namespace penstock::raft {
namespace {

TEST(RaftCore, LoneVoterLeadsAtOnceAndCommitsAfterTheFlush) {
  Quorum quorum(1, 1);
  Node& node = quorum.nodes()[NodeId(1)];
  EXPECT_TRUE(node.core->is_leader());
  EXPECT_EQ(node.core->epoch(), LeaderEpoch(1));
  EXPECT_EQ(node.durable.leader, NodeId(1));
  EXPECT_LT(node.core->high_watermark(), Offset(1));
  quorum.run(10);
  EXPECT_EQ(node.core->high_watermark(), Offset(1));
  ASSERT_TRUE(quorum.propose(7));
  EXPECT_EQ(node.core->high_watermark(), Offset(1)) << "a record counts before it is on disk";
  quorum.run(10);
  EXPECT_EQ(node.core->high_watermark(), Offset(2));
}

TEST(RaftCore, LoneVoterTakesANewEpochAfterARestart) {
  Quorum quorum(1, 1);
  quorum.run(10);
  quorum.propose(7);
  quorum.run(10);
  quorum.crash(NodeId(1));
  quorum.restart(NodeId(1));
  quorum.run(10);
  const Node& node = quorum.nodes()[NodeId(1)];
  EXPECT_EQ(node.core->epoch(), LeaderEpoch(2));
  ASSERT_EQ(node.log.entries.size(), 3U);
  EXPECT_EQ(node.log.entries[1].payload, 7U);
  EXPECT_EQ(node.core->high_watermark(), Offset(3));
}

TEST(RaftCore, ThreeVotersElectOneLeaderAndReplicate) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Quorum quorum(3, seed);
    quorum.run(6000);
    ASSERT_NE(quorum.leader(), nullptr) << "seed " << seed;
    ASSERT_TRUE(quorum.propose(7));
    quorum.run(500);
    for (const auto& [id, node] : quorum.nodes()) {
      ASSERT_FALSE(node.log.entries.empty());
      EXPECT_EQ(node.log.entries.back().payload, 7U) << "seed " << seed << " node " << id.value();
    }
    EXPECT_EQ(quorum.committed.back().payload, 7U) << "seed " << seed;
  }
}

TEST(RaftCore, AVoterWithAnotherDirectoryIsNotTheVoter) {
  Quorum quorum(3, 5);
  quorum.run(6000);
  Node* leader = quorum.leader();
  ASSERT_NE(leader, nullptr);
  const LeaderEpoch epoch = leader->core->epoch();
  // Node 2 with a new disk: its answers count for nothing.
  FetchAsk ask{.from = {NodeId(2), base::Uuid{9, 9}}, .epoch = epoch, .offset = Offset(1'000'000)};
  const Offset before = leader->core->high_watermark();
  leader->core->receive(base::MonoTime(), ask);
  EXPECT_EQ(leader->core->high_watermark(), before);
}

TEST(RaftCore, ObserversFindTheLeaderAndFollowButDoNotVote) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed, 2);
    quorum.run(8000);
    Node* leader = quorum.leader();
    ASSERT_NE(leader, nullptr);
    ASSERT_TRUE(quorum.propose(7));
    quorum.run(800);
    for (const int id : {4, 5}) {
      const Node& observer = quorum.nodes()[NodeId(id)];
      ASSERT_FALSE(observer.log.entries.empty()) << id;
      EXPECT_EQ(observer.log.entries.back().payload, 7U);
      EXPECT_EQ(observer.core->high_watermark(), leader->core->high_watermark());
      EXPECT_EQ(observer.core->role(), Role::kFollower);
    }
    const auto progress = leader->core->progress(quorum.now());
    EXPECT_EQ(std::ranges::count(progress, false, &ReplicaProgress::is_voter), 2);
    EXPECT_EQ(std::ranges::count(progress, true, &ReplicaProgress::is_voter), 3);
    // Two voters gone: observers do not make up for them.
    int cut = 0;
    for (auto& [id, node] : quorum.nodes()) {
      if (&node != leader && id <= NodeId(3)) quorum.crash(id), ++cut;
    }
    ASSERT_EQ(cut, 2);
    const Offset committed = leader->core->high_watermark();
    quorum.propose(8);
    quorum.run(10'000);
    EXPECT_EQ(quorum.leader(), nullptr) << "a leader without a majority leads on";
    EXPECT_EQ(leader->core->high_watermark(), committed);
    // The observers lose their leader and find the next.
    quorum.restart(NodeId(1));
    quorum.restart(NodeId(2));
    quorum.restart(NodeId(3));
    quorum.run(15'000);
    ASSERT_TRUE(quorum.propose(9));
    quorum.run(800);
    EXPECT_EQ(quorum.nodes()[NodeId(4)].log.entries.back().payload, 9U);
  }
}

TEST(RaftCore, AnIdleQuorumKeepsFetchesWaiting) {
  Quorum quorum(3, 4);
  quorum.run(6000);
  ASSERT_NE(quorum.leader(), nullptr);
  const std::size_t before = quorum.sent;
  quorum.run(10'000);
  // Two followers, one fetch and its answer in each half second.
  EXPECT_LE(quorum.sent - before, 2U * 2U * 21U);
  EXPECT_GE(quorum.sent - before, 2U * 2U * 15U);
}

TEST(RaftCore, AQuestionThatIsNotDeliveredIsAskedAgain) {
  Quorum quorum(3, 4);
  quorum.run(6000);
  for (auto& [id, node] : quorum.nodes()) {
    if (node.core->is_leader()) continue;
    // The fetch that waits at the leader is lost with its connection.
    node.core->unanswered(quorum.now(), {node.core->leader(), {}},
                          FetchAsk{.id = node.core->fetches(), .from = node.key});
    EXPECT_LE(node.core->next_deadline(), quorum.now() + milliseconds(20));
    const std::size_t before = quorum.sent;
    quorum.run(21);
    EXPECT_GT(quorum.sent, before);
    return;
  }
}

bool has_fetch(const std::vector<Effect>& effects) {
  return std::ranges::any_of(effects, [](const Effect& effect) {
    const auto* send = std::get_if<Send>(&effect);
    return send != nullptr && std::holds_alternative<FetchAsk>(send->message);
  });
}

TEST(RaftCore, ALeaderThatFollowsAsksOnlyFromWhatItHasOnDisk) {
  Quorum quorum(3, 4);
  quorum.run(6000);
  Node* old = quorum.leader();
  ASSERT_NE(old, nullptr);
  ASSERT_TRUE(quorum.propose(7));
  // Its record is not flushed yet when another leads: to ask from behind it would count as having it.
  const NodeId next(old->key.id == NodeId(1) ? 2 : 1);
  old->core->receive(quorum.now(),
                     BeginEpochAsk{.to = old->key, .leader = next, .epoch = old->core->epoch() + 1});
  EXPECT_EQ(old->core->role(), Role::kFollower);
  EXPECT_FALSE(has_fetch(old->core->take_effects()));
  old->core->flushed(quorum.now(), old->log.end_offset());
  EXPECT_TRUE(has_fetch(old->core->take_effects()));
}

TEST(RaftCore, AResigningLeaderIsFollowedAtOnce) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed);
    quorum.run(6000);
    Node* old = quorum.leader();
    ASSERT_NE(old, nullptr);
    const LeaderEpoch epoch = old->core->epoch();
    old->core->resign(quorum.now());
    quorum.settle(old->key.id);
    quorum.run(400);  // Far below the fetch and election time-outs.
    Node* next = quorum.leader();
    ASSERT_NE(next, nullptr);
    EXPECT_NE(next, old);
    EXPECT_GT(next->core->epoch(), epoch);
  }
}

TEST(RaftCore, AVoteForAnotherDirectoryOfThisNodeIsRefused) {
  Quorum quorum(3, 5);
  Node& node = quorum.nodes()[NodeId(2)];
  VoteAsk ask{.id = 9,
              .from = {NodeId(1), base::Uuid{1, 1}},
              .to = {NodeId(2), base::Uuid{9, 9}},
              .epoch = LeaderEpoch(50),
              .last = {Offset(1000), LeaderEpoch(49)}};
  node.core->receive(quorum.now(), ask);
  bool is_answered = false;
  for (const auto& effect : node.core->take_effects()) {
    const auto* send = std::get_if<Send>(&effect);
    if (send == nullptr) continue;
    const auto* answer = std::get_if<VoteAnswer>(&send->message);
    if (answer == nullptr) continue;
    is_answered = true;
    EXPECT_EQ(answer->id, 9U);
    EXPECT_EQ(answer->refusal, Refusal::kWrongVoter);
    EXPECT_FALSE(answer->is_granted);
  }
  EXPECT_TRUE(is_answered);
}

TEST(RaftCore, AnEpochThatWouldLeaveNoneIsNotTakenOver) {
  constexpr LeaderEpoch kLast{std::numeric_limits<std::int32_t>::max()};
  Quorum quorum(3, 5);
  quorum.run(3000);
  Node& node = *quorum.leader();
  const LeaderEpoch before = node.core->epoch();
  const ReplicaKey other = quorum.nodes()[NodeId(node.key.id == NodeId(1) ? 2 : 1)].key;
  node.core->receive(quorum.now(), VoteAsk{.from = other, .to = node.key, .epoch = kLast, .last = {}});
  node.core->receive(quorum.now(), VoteAnswer{.from = other.id, .epoch = kLast});
  node.core->receive(quorum.now(), BeginEpochAsk{.to = node.key, .leader = other.id, .epoch = kLast});
  node.core->receive(quorum.now(), EndEpochAsk{.leader = other.id, .epoch = kLast});
  EXPECT_EQ(node.core->epoch(), before);
  quorum.run(100);
  EXPECT_EQ(quorum.leader(), &node);
}

TEST(RaftCore, EpochsFarAheadAreBelievedOfThoseWhoAreNearThem) {
  constexpr LeaderEpoch kFar{1 << 30};
  EXPECT_TRUE(is_credible(kFar, LeaderEpoch(0)));
  EXPECT_FALSE(is_credible(kFar + 1, LeaderEpoch(0)));
  EXPECT_TRUE(is_credible(kFar + 1, kFar));
  EXPECT_TRUE(is_credible(kFar + 1, kFar + 2));
}

TEST(RaftCore, BehindTheLastEpochNobodyStands) {
  constexpr LeaderEpoch kLast{std::numeric_limits<std::int32_t>::max()};
  Quorum quorum(1, 5);
  quorum.crash(NodeId(1));
  quorum.nodes()[NodeId(1)].durable.epoch = kLast;
  quorum.restart(NodeId(1));
  quorum.run(3000);
  EXPECT_EQ(quorum.leader(), nullptr);
  EXPECT_EQ(quorum.nodes()[NodeId(1)].core->epoch(), kLast);
}

TEST(RaftCore, NothingCommittedIsLostThroughCrashesCutsAndLoss) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed, 1);
    endure(quorum, {.rounds = 12, .victims = 3});
    if (HasFatalFailure()) return;
    for (const auto& [id, node] : quorum.nodes()) {
      ASSERT_GE(node.log.entries.size(), quorum.committed.size());
      EXPECT_TRUE(std::equal(quorum.committed.begin(), quorum.committed.end(), node.log.entries.begin()))
          << "node " << id.value();
    }
  }
}

}  // namespace
}  // namespace penstock::raft
