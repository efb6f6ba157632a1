// A leader whose death is proved to its followers is followed soon, and a wrong proof costs nothing but time.
#include <gtest/gtest.h>

#include "tests/unit/broker/raft/quorum.h"

namespace penstock::raft {
namespace {

// As connections tell it: again and again, to each node a little later than to the others.
void tell_death(Quorum& quorum, NodeId dead, NodeId to) {
  Node& node = quorum.nodes()[to];
  if (!node.core || to == dead) return;
  node.core->peer_died(quorum.now(), dead);
  quorum.settle(to);
}

// Each voter has its proof some time of `spread_ms` after the others.
int run_until_led(Quorum& quorum, NodeId dead, int limit_ms, std::uint64_t spread_ms = 20) {
  std::map<NodeId, int> phases;
  for (const auto& [id, node] : quorum.nodes()) {
    phases[id] = static_cast<int>(quorum.random().below(spread_ms));
  }
  for (int ms = 0; ms < limit_ms; ++ms) {
    for (const auto& [id, phase] : phases) {
      if (ms >= phase && (ms - phase) % 20 == 0) tell_death(quorum, dead, id);
    }
    quorum.step();
    if (quorum.leader() != nullptr) return ms;
  }
  return limit_ms;
}

TEST(Succession, ADeadLeaderIsFollowedSoon) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(seed % 2 == 0 ? 3 : 5, seed);
    quorum.run(6000);
    Node* old = quorum.leader();
    ASSERT_NE(old, nullptr);
    for (std::uint64_t payload = 1; payload <= seed % 5; ++payload) quorum.propose(payload);
    quorum.run(static_cast<int>(seed % 30));
    const NodeId dead = old->key.id;
    quorum.crash(dead);
    const int took = run_until_led(quorum, dead, 1500, 100);
    EXPECT_LT(took, 700) << "a vote that was split is not held again soon";
    quorum.run(300);
    ASSERT_TRUE(quorum.propose(7));
    quorum.run(300);
    EXPECT_EQ(quorum.committed.back().payload, 7U);
  }
}

TEST(Succession, MostlyWithinOneTurnEach) {
  int quick = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Quorum quorum(3, seed);
    quorum.run(6000);
    const NodeId dead = quorum.leader()->key.id;
    quorum.crash(dead);
    if (run_until_led(quorum, dead, 1500) < 250) ++quick;
  }
  EXPECT_GE(quick, 95);
}

TEST(Succession, OneFollowersWrongProofReplacesNobody) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed);
    quorum.run(6000);
    Node* leader = quorum.leader();
    ASSERT_NE(leader, nullptr);
    const LeaderEpoch epoch = leader->core->epoch();
    const NodeId wrong(leader->key.id == NodeId(3) ? 2 : 3);
    const std::size_t before = quorum.sent;
    for (int i = 0; i < 100; ++i) {
      tell_death(quorum, leader->key.id, wrong);
      quorum.run(20);
    }
    EXPECT_EQ(quorum.leader(), leader);
    EXPECT_EQ(leader->core->epoch(), epoch);
    EXPECT_LT(quorum.sent - before, 2000U) << "it asks without end";
  }
}

TEST(Succession, ObserversLookForTheNextLeaderAtOnce) {
  Quorum quorum(3, 5, 1);
  quorum.run(8000);
  const NodeId dead = quorum.leader()->key.id;
  quorum.crash(dead);
  ASSERT_LT(run_until_led(quorum, dead, 1500), 1000);
  const NodeId observer(4);
  const NodeId next = quorum.leader()->key.id;
  for (int i = 0; i < 40 && quorum.nodes()[observer].core->leader() != next; ++i) {
    if (quorum.nodes()[observer].core->leader() == dead) tell_death(quorum, dead, observer);
    quorum.run(20);
  }
  EXPECT_EQ(quorum.nodes()[observer].core->leader(), next);
}

// Right and wrong proofs among crashes and lost messages: the checks of quorum.h hold after each step.
TEST(Succession, NoProofHoweverWrongIsUnsafe) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed);
    quorum.loss_percent = static_cast<unsigned>(seed % 3) * 10;
    base::Random& dice = quorum.random();
    const auto any = [&] { return NodeId(static_cast<std::int32_t>(1 + dice.below(3))); };
    for (int round = 0; round < 1500; ++round) {
      if (dice.below(4) == 0) tell_death(quorum, any(), any());
      if (dice.below(6) == 0) quorum.propose(static_cast<std::uint64_t>(round));
      if (dice.below(120) == 0) {
        const NodeId id = any();
        if (quorum.nodes()[id].core) quorum.crash(id);
      }
      if (dice.below(60) == 0) {
        for (auto& [id, node] : quorum.nodes()) {
          if (!node.core) quorum.restart(id);
        }
      }
      quorum.run(10);
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
    EXPECT_GT(quorum.committed.size(), 20U);
  }
}

}  // namespace
}  // namespace penstock::raft
