// Voters come and go while the quorum works.
#include "broker/raft/voters.h"

#include <gtest/gtest.h>

#include "broker/raft/raft_core.h"
#include "tests/unit/broker/raft/quorum.h"

namespace penstock::raft {
namespace {

ReplicaKey replica(int id) { return {NodeId(id), base::Uuid{1, static_cast<std::uint64_t>(id)}}; }

void settle(Quorum& quorum) {
  quorum.run(8000);
  ASSERT_NE(quorum.leader(), nullptr);
  ASSERT_TRUE(quorum.propose(1));
  quorum.run(800);
}

// The answer to what was asked last, once there is one.
Refusal outcome(Quorum& quorum, int milliseconds_max = 3000) {
  for (int i = 0; i < milliseconds_max && quorum.answered.empty(); ++i) quorum.step();
  EXPECT_EQ(quorum.answered.size(), 1U);
  if (quorum.answered.empty()) return Refusal::kUnavailable;
  const Refusal refusal = quorum.answered.back().refusal;
  EXPECT_EQ(quorum.answered.back().reason.empty(),
            refusal == Refusal::kNone || refusal == Refusal::kNotLeader);
  quorum.answered.clear();
  return refusal;
}

TEST(RaftVoters, AnObserverBecomesAVoterAndCounts) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed, 1);
    settle(quorum);
    quorum.add(replica(4));
    EXPECT_EQ(outcome(quorum), Refusal::kNone);
    ASSERT_TRUE(quorum.is_voter(NodeId(4)));
    quorum.run(600);
    EXPECT_TRUE(quorum.nodes()[NodeId(4)].core->is_self_voter());
    // With two of four gone nothing is decided; with one of them back all goes on.
    Node* leader = quorum.leader();
    int crashed = 0;
    for (const int id : {1, 2, 3}) {
      if (leader->key.id != NodeId(id) && crashed < 2) quorum.crash(NodeId(id)), ++crashed;
    }
    const Offset before = leader->core->high_watermark();
    quorum.propose(7);
    quorum.run(900);
    EXPECT_EQ(leader->core->high_watermark(), before) << "the new voter does not count";
    for (const int id : {1, 2, 3}) {
      if (!quorum.nodes()[NodeId(id)].core) {
        quorum.restart(NodeId(id));
        break;
      }
    }
    quorum.run(15'000);
    ASSERT_TRUE(quorum.propose(8));
    quorum.run(800);
    EXPECT_EQ(quorum.committed.back().payload, 8U);
  }
}

TEST(RaftVoters, ALoneVoterGetsCompany) {
  Quorum quorum(1, 3, 2);
  settle(quorum);
  for (const int id : {2, 3}) {
    quorum.add(replica(id));
    EXPECT_EQ(outcome(quorum), Refusal::kNone);
  }
  quorum.crash(NodeId(1));
  quorum.run(8000);
  ASSERT_NE(quorum.leader(), nullptr) << "those who were added elect nobody";
  ASSERT_TRUE(quorum.propose(9));
  quorum.run(800);
  EXPECT_EQ(quorum.committed.back().payload, 9U);
}

TEST(RaftVoters, WhatCannotBeDoneIsRefused) {
  Quorum quorum(3, 2, 2);
  quorum.add(replica(4));
  EXPECT_TRUE(quorum.answered.empty()) << "nobody leads yet";
  settle(quorum);
  quorum.add({NodeId(2), base::Uuid{9, 9}});
  EXPECT_EQ(outcome(quorum), Refusal::kDuplicateVoter);
  quorum.remove({NodeId(2), base::Uuid{9, 9}});
  EXPECT_EQ(outcome(quorum), Refusal::kVoterNotFound);
  // One at a time.
  quorum.add(replica(4));
  quorum.add(replica(5));
  EXPECT_EQ(outcome(quorum), Refusal::kTimedOut);
  EXPECT_EQ(outcome(quorum), Refusal::kNone);
  // One that is not there.
  quorum.crash(NodeId(5));
  quorum.add(replica(5));
  EXPECT_EQ(outcome(quorum), Refusal::kTimedOut);
  quorum.restart(NodeId(5));
  quorum.kraft_version_max = 0;
  quorum.add(replica(5));
  EXPECT_EQ(outcome(quorum), Refusal::kInvalid);
  // Whoever does not lead.
  for (auto& [id, node] : quorum.nodes()) {
    if (node.core->is_leader()) continue;
    node.core->receive(quorum.now(), RemoveVoterAsk{.voter = replica(1)});
    quorum.settle(id);
    EXPECT_EQ(outcome(quorum), Refusal::kNotLeader);
    break;
  }
  Quorum alone(1, 1);
  alone.run(100);
  alone.remove(replica(1));
  EXPECT_EQ(outcome(alone), Refusal::kInvalid) << "a quorum of nobody";
}

TEST(RaftVoters, OneThatLagsIsNotAdded) {
  Quorum quorum(3, 6, 1);
  settle(quorum);
  quorum.is_cut_.insert(NodeId(4));
  quorum.run(3000);
  quorum.add(replica(4));
  EXPECT_EQ(outcome(quorum), Refusal::kTimedOut);
  EXPECT_FALSE(quorum.is_voter(NodeId(4)));
  // It is waited for as long as a change may take.
  quorum.add(replica(4));
  quorum.run(300);
  EXPECT_TRUE(quorum.answered.empty());
  quorum.is_cut_.clear();
  quorum.run(10'000);
  quorum.answered.clear();
  quorum.add(replica(4));
  EXPECT_EQ(outcome(quorum), Refusal::kNone);
}

TEST(RaftVoters, AChangeThatIsNotCommittedIsAnsweredInTimeAndHoldsUpTheNext) {
  Quorum quorum(3, 4, 1);
  settle(quorum);
  Node* leader = quorum.leader();
  for (auto& [id, node] : quorum.nodes()) {
    if (id <= NodeId(3) && &node != leader) quorum.is_cut_.insert(id);
  }
  quorum.add(replica(4));
  EXPECT_EQ(outcome(quorum), Refusal::kTimedOut);
  ASSERT_TRUE(leader->core->is_leader());
  quorum.add(replica(4));
  EXPECT_EQ(outcome(quorum), Refusal::kTimedOut) << "the change before is not committed";
}

TEST(RaftVoters, ALeaderThatRemovesItselfHandsOver) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const int size : {2, 3}) {
      SCOPED_TRACE(seed * 10 + static_cast<std::uint64_t>(size));
      Quorum quorum(size, seed);
      settle(quorum);
      Node* old = quorum.leader();
      quorum.remove(old->key);
      EXPECT_EQ(outcome(quorum), Refusal::kNone);
      EXPECT_FALSE(old->core->is_leader());
      quorum.run(size == 2 ? 600 : 4000);  // The others were told, and may have split the vote.
      Node* next = quorum.leader();
      ASSERT_NE(next, nullptr);
      ASSERT_NE(next, old);
      ASSERT_TRUE(quorum.propose(7));
      quorum.run(1500);
      EXPECT_EQ(quorum.committed.back().payload, 7U);
      EXPECT_FALSE(quorum.is_voter(old->key.id));
      // It goes on as an observer.
      EXPECT_EQ(old->log.entries.back().payload, 7U);
      EXPECT_EQ(old->core->role(), Role::kFollower);
    }
  }
}

TEST(RaftVoters, AWipedNodeTakesItsPlaceAgainByItself) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed);
    quorum.joining = {NodeId(1), NodeId(2), NodeId(3)};
    settle(quorum);
    const NodeId victim(static_cast<std::int32_t>(1 + seed % 3));
    const ReplicaKey before = quorum.nodes()[victim].key;
    quorum.wipe(victim);
    EXPECT_FALSE(quorum.is_voter(victim));
    quorum.run(25'000);
    ASSERT_TRUE(quorum.is_voter(victim));
    EXPECT_NE(quorum.nodes()[victim].key, before);
    EXPECT_EQ(quorum.leader()->core->voters().size(), 3U);
    // Its vote counts: without another one there is still a majority.
    quorum.crash(NodeId(victim.value() % 3 + 1));
    quorum.run(15'000);
    ASSERT_TRUE(quorum.propose(7));
    quorum.run(800);
    EXPECT_EQ(quorum.committed.back().payload, 7U);
  }
}

TEST(RaftVoters, AWipedNodeThatDoesNotJoinStaysAnObserver) {
  Quorum quorum(3, 2);
  settle(quorum);
  quorum.wipe(NodeId(2));
  quorum.run(20'000);
  EXPECT_FALSE(quorum.nodes()[NodeId(2)].core->is_self_voter());
  EXPECT_FALSE(quorum.is_voter(NodeId(2)));
  EXPECT_EQ(quorum.leader()->core->voters().size(), 3U);
}

TEST(RaftVoters, AVoterThatMovedSaysSo) {
  Quorum quorum(3, 5);
  settle(quorum);
  for (auto& [id, node] : quorum.nodes()) {
    if (node.core->is_leader()) continue;
    quorum.is_moved.insert(id);
    quorum.crash(id);
    quorum.restart(id);
    quorum.run(8000);
    const Voter* voter = quorum.leader()->core->find_voter(id);
    ASSERT_NE(voter, nullptr);
    EXPECT_EQ(voter->endpoints.front().host, "moved");
    EXPECT_EQ(voter->key, node.key);
    return;
  }
}

TEST(RaftVoters, AnUpdateIsForTheVotersOfThisEpoch) {
  Quorum quorum(3, 5);
  settle(quorum);
  const LeaderEpoch epoch = quorum.leader()->core->epoch();
  Voter voter{.key = replica(2), .endpoints = Quorum::endpoints_of(NodeId(2))};
  quorum.change(UpdateVoterAsk{.epoch = epoch - 1, .voter = voter});
  quorum.change(UpdateVoterAsk{.epoch = epoch + 1, .voter = voter});
  quorum.change(UpdateVoterAsk{.epoch = epoch, .voter = {.key = {NodeId(2), base::Uuid{9, 9}}}});
  quorum.change(UpdateVoterAsk{.epoch = epoch,
                               .voter = {.key = replica(2), .kraft_version_min = 2, .kraft_version_max = 3}});
  quorum.change(UpdateVoterAsk{.epoch = epoch, .voter = voter});
  ASSERT_EQ(quorum.answered.size(), 5U);
  EXPECT_EQ(quorum.answered[0].refusal, Refusal::kFencedEpoch);
  EXPECT_EQ(quorum.answered[1].refusal, Refusal::kUnknownEpoch);
  EXPECT_EQ(quorum.answered[2].refusal, Refusal::kVoterNotFound);
  EXPECT_EQ(quorum.answered[3].refusal, Refusal::kInvalid);
  EXPECT_EQ(quorum.answered[4].refusal, Refusal::kNone);
}

TEST(RaftVoters, ALeaderThatRestartsVotesForNobodyElseInItsEpoch) {
  Quorum quorum(3, 5);
  quorum.run(6000);
  Node* leader = quorum.leader();
  ASSERT_NE(leader, nullptr);
  // What it wrote as the leader is lost with the power, that it led is not.
  leader->synced = 0;
  const NodeId id = leader->key.id;
  const LeaderEpoch epoch = leader->core->epoch();
  quorum.crash(id);
  quorum.restart(id);
  leader->core->receive(quorum.now(), VoteAsk{.id = 9,
                                              .from = replica(id.value() % 3 + 1),
                                              .to = leader->key,
                                              .epoch = epoch,
                                              .last = {Offset(0), LeaderEpoch(0)}});
  for (const auto& effect : leader->core->take_effects()) {
    const auto* send = std::get_if<Send>(&effect);
    if (send == nullptr) continue;
    const auto* answer = std::get_if<VoteAnswer>(&send->message);
    if (answer == nullptr) continue;
    EXPECT_FALSE(answer->is_granted) << "two leaders in one epoch";
    EXPECT_EQ(answer->leader, kafka::kNoNode);
    return;
  }
  FAIL() << "no answer";
}

TEST(RaftVoters, NothingCommittedIsLostWhileVotersComeAndGo) {
  constexpr std::uint64_t kSeeds = 40;
  std::ptrdiff_t changes = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    constexpr int kNodes = 5;
    Quorum quorum(3, seed, kNodes - 3);
    quorum.joining = {NodeId(1), NodeId(2), NodeId(3)};
    quorum.run(4000);
    quorum.loss_percent = 3;
    std::uint64_t payload = 1;
    const auto any_node = [&] {
      return NodeId(static_cast<std::int32_t>(1 + quorum.random().below(kNodes)));
    };
    for (int round = 0; round < 20; ++round) {
      const NodeId victim = any_node();
      const auto what = quorum.random().below(6);
      if (what == 0) quorum.crash(victim);
      if (what == 1) quorum.is_cut_.insert(victim);
      // One lost disk at a time, while the others have all that is committed: more than that no quorum bears.
      if (what == 2 && quorum.is_whole() && quorum.has_settled_voters() &&
          (!quorum.is_voter(victim) || quorum.leader()->core->voters().size() > 2)) {
        quorum.wipe(victim);
      }
      for (int i = 0; i < 20; ++i) {
        if (i % 5 == 1 && quorum.has_settled_voters()) {
          const NodeId chosen = any_node();
          const ReplicaKey key = quorum.nodes()[chosen].key;
          Node* leader = quorum.leader();
          const std::size_t voters = leader->core->voters().size();
          if (quorum.random().below(4) == 0 && voters > 2) {
            quorum.remove(leader->key);
          } else if (!quorum.is_voter(chosen)) {
            quorum.add(key);
          } else if (voters > 2) {
            quorum.remove(key);
          }
        }
        quorum.propose(payload++);
        quorum.run(30);
      }
      if (what == 0) quorum.restart(victim);
      quorum.is_cut_.clear();
      if (testing::Test::HasFatalFailure()) return;
    }
    quorum.loss_percent = 0;
    quorum.run(20'000);
    ASSERT_TRUE(quorum.propose(payload)) << "no leader once all is healed";
    quorum.run(2000);
    EXPECT_EQ(quorum.committed.back().payload, payload) << "no progress once all is healed";
    for (const auto& [id, node] : quorum.nodes()) {
      ASSERT_GE(node.log.entries.size(), quorum.committed.size()) << "node " << id.value();
      EXPECT_TRUE(std::equal(quorum.committed.begin(), quorum.committed.end(), node.log.entries.begin()))
          << "node " << id.value();
    }
    changes += std::ranges::count(quorum.answered, Refusal::kNone, &ChangeAnswer::refusal);
  }
  EXPECT_GT(changes, static_cast<std::ptrdiff_t>(kSeeds * 2)) << "the voters hardly change";
}

}  // namespace
}  // namespace penstock::raft
