// Voters of the metadata quorum that leave when brokers do.
#include "operator/reconcile/quorum.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

using Ids = std::vector<std::int32_t>;

QuorumState three(std::int32_t leader) {
  return {leader, 50, {{0, "a", 50}, {1, "b", 51}, {2, "c", 52}}, {}};
}

TEST(NextVoterStep, TheHighestLeavesFirstAndTheLeaderLast) {
  const auto leaver = [](const QuorumState& quorum) {
    return next_voter_step(quorum, {0}, {1, 2}, {1, 2}).remove.value_or(QuorumReplica{}).id;
  };
  EXPECT_EQ(leaver(three(0)), 2);
  EXPECT_EQ(leaver(three(2)), 1);
  EXPECT_EQ(leaver({2, 50, {{0, "a", 50}, {2, "c", 52}}, {}}), 2);
  EXPECT_FALSE(next_voter_step(three(0), {0, 1, 2}, {}, {}).remove);
  EXPECT_TRUE(next_voter_step(three(0), {0, 1, 2}, {}, {}).is_done());
}

TEST(NextVoterStep, NobodyLeavesBeforeThoseThatStayHaveAllThatIsCommitted) {
  QuorumState quorum = three(0);
  quorum.voters[1].end_offset = 49;
  EXPECT_EQ(next_voter_step(quorum, {0, 1}, {2}, {2}).waits_for,
            "node 1 is behind in the metadata log, and no voter leaves before it has caught up");
  EXPECT_EQ(next_voter_step(three(-1), {0}, {1, 2}, {}).waits_for, "the metadata quorum has no leader");
  // Its disk was lost: until it votes with the new one, it takes two others to decide.
  quorum = three(1);
  quorum.observers.push_back({0, "new", 52});
  quorum.voters.erase(quorum.voters.begin());
  EXPECT_EQ(next_voter_step(quorum, {0}, {1, 2}, {1, 2}).waits_for,
            "node 0 is no voter of the metadata quorum yet");
  EXPECT_FALSE(are_voters(quorum, {0}));
}

// With the other one gone first, two voters would be left of which one is dead.
TEST(NextVoterStep, TheDeadLeaveFirst) {
  QuorumState quorum = three(0);
  EXPECT_EQ(next_voter_step(quorum, {0}, {1, 2}, {2}).remove->id, 1);
  quorum.voters[1].end_offset = 40;
  EXPECT_EQ(next_voter_step(quorum, {0}, {1, 2}, {1, 2}).remove->id, 1);
  EXPECT_EQ(next_voter_step(quorum, {0}, {2}, {1, 2}).waits_for,
            "without node 2 no majority of the metadata quorum would be caught up");
}

TEST(NextVoterStep, IsDoneWhenThoseThatLeftAndRunKnowIt) {
  QuorumState quorum{0, 50, {{0, "a", 51}}, {{1, "b", 50}, {3, "d", 40}}};
  EXPECT_EQ(next_voter_step(quorum, {0}, {1, 2}, {1}).waits_for,
            "node 1 does not know yet that it has left the metadata quorum");
  quorum.observers[0].end_offset = 51;
  EXPECT_TRUE(next_voter_step(quorum, {0}, {1, 2}, {1}).is_done());
  EXPECT_FALSE(next_voter_step(quorum, {0}, {1, 2}, {1, 2}).is_done());
  quorum.leader = 1;
  EXPECT_EQ(next_voter_step(quorum, {0}, {1, 2}, {1}).waits_for, "the metadata quorum changes its leader");
}

Json live_set(const World& world) { return world.kube.find(kube::kStatefulSetKind, "kafka", "demo"); }
int set_replicas(const World& world) { return live_set(world)["spec"]["replicas"]; }
int controllers(const World& world) { return resources::read_controller_roles(live_set(world)).controllers; }
std::string message(const World& world) {
  return resources::find_condition(world.cluster(), "Ready")["message"];
}

void begin(World& world, int replicas) {
  world.add_cluster(Json{{"replicas", replicas}, {"storage", {{"size", "1Gi"}}}}.dump().c_str());
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"partitions":4,"replicationFactor":1})");
  world.settle();
}
void scale(World& world, int replicas) {
  world.edit(kube::kKafkaClusterKind, "demo", Json{{"replicas", replicas}}.dump().c_str());
}

// What must hold after every pass: a voter's process is there or about to be, as a controller, so that the
// quorum can decide.
void check_voters(const World& world) {
  for (const std::int32_t id : world.admin.voters) {
    ASSERT_LT(id, set_replicas(world));
    const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-" + std::to_string(id));
    ASSERT_GT(resources::read_controller_roles(pod.is_object() ? pod : live_set(world)).controllers, id);
  }
}
void pass_until_settled(World& world) {
  for (int quiet = 0, i = 0; quiet < 3; ++i) {
    ASSERT_LT(i, 60) << message(world);
    const int before = world.kube.writes() + world.admin.changes;
    const std::size_t left = world.admin.removed_voters.size();
    world.pass();
    check_voters(world);
    EXPECT_LE(world.admin.removed_voters.size(), left + 1) << "one at a time";
    quiet = world.kube.writes() + world.admin.changes == before ? quiet + 1 : 0;
  }
}

TEST(QuorumVoters, LeaveOneByOneBeforeTheirBrokersStop) {
  for (const int leader : {0, 1, 2}) {
    World world;
    begin(world, 3);
    world.admin.voters = {0, 1, 2};
    world.admin.quorum_leader = leader;
    scale(world, 1);
    pass_until_settled(world);
    EXPECT_EQ(world.admin.removed_voters, leader == 2 ? (Ids{1, 2}) : (Ids{2, 1}));
    EXPECT_EQ(world.admin.voters, (std::set<std::int32_t>{0}));
    EXPECT_EQ(set_replicas(world), 1);
    EXPECT_EQ(controllers(world), 1);
    EXPECT_TRUE(resources::read_controller_roles(live_set(world)).may_join);
    EXPECT_EQ(world.admin.unregistered, (Ids{1, 2}));
    EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready")) << message(world);
  }
}

TEST(QuorumVoters, ABrokerThatStaysBecomesABrokerOnly) {
  World world;
  begin(world, 3);
  world.admin.voters = {0, 1, 2};
  scale(world, 2);
  pass_until_settled(world);
  EXPECT_EQ(world.admin.voters, (std::set<std::int32_t>{0}));
  EXPECT_EQ(set_replicas(world), 2);
  const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-1");
  EXPECT_EQ(resources::read_controller_roles(pod).controllers, 1);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready")) << message(world);
}

TEST(QuorumVoters, NobodyIsTakenAwayWhenBrokersWithoutAVoteGo) {
  World world;
  begin(world, 5);
  world.admin.voters = {0, 1, 2};
  scale(world, 3);
  pass_until_settled(world);
  EXPECT_EQ(set_replicas(world), 3);
  EXPECT_TRUE(world.admin.removed_voters.empty());
  EXPECT_EQ(world.brokers.reserved.size(), 0u) << "nobody is restarted for it";
}

TEST(QuorumVoters, FiveBecomeThreeWhenTheyAreNotAskedForAnyMore) {
  World world;
  world.add_cluster(R"({"replicas":5,"voters":5,"storage":{"size":"1Gi"}})");
  world.settle();
  EXPECT_EQ(controllers(world), 5);
  world.admin.voters = {0, 1, 2, 3, 4};
  world.admin.quorum_leader = 4;
  world.brokers.changed.voters = {0, 1, 2};
  world.edit(kube::kKafkaClusterKind, "demo", R"({"voters":3})");
  pass_until_settled(world);
  EXPECT_EQ(world.admin.removed_voters, (Ids{3, 4}));
  EXPECT_EQ(controllers(world), 3);
  EXPECT_EQ(set_replicas(world), 5);
  EXPECT_EQ(world.cluster()["status"]["voters"], (Ids{0, 1, 2}));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready")) << message(world);
}

TEST(QuorumVoters, NobodyLeavesWhileOneThatStaysIsBehind) {
  World world;
  begin(world, 3);
  world.admin.voters = {0, 1, 2};
  world.admin.behind = {0};
  scale(world, 1);
  pass_until_settled(world);
  EXPECT_TRUE(world.admin.removed_voters.empty());
  EXPECT_EQ(set_replicas(world), 3);
  EXPECT_EQ(message(world),
            "node 0 is behind in the metadata log, and no voter leaves before it has caught up");
  world.admin.behind = {};
  pass_until_settled(world);
  EXPECT_EQ(set_replicas(world), 1);
}

TEST(QuorumVoters, AVoterThatStaysAndLostItsDiskMayJoinAgain) {
  World world;
  begin(world, 3);
  world.admin.voters = {1, 2};
  scale(world, 1);
  // By itself, as its configuration says.
  pass_until_settled(world);
  EXPECT_EQ(world.admin.voters, (std::set<std::int32_t>{0}));
}

TEST(QuorumVoters, AreTakenBackWhenTheBrokersAreWantedAgain) {
  World world;
  begin(world, 3);
  world.admin.voters = {0, 1, 2};
  scale(world, 1);
  while (world.admin.removed_voters.empty()) world.pass();
  EXPECT_EQ(world.admin.voters, (std::set<std::int32_t>{0, 1}));
  scale(world, 3);
  pass_until_settled(world);
  EXPECT_EQ(set_replicas(world), 3);
  ASSERT_TRUE(resources::read_controller_roles(live_set(world)).may_join);
  for (int i = 0; i < 3; ++i) {
    const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-" + std::to_string(i));
    EXPECT_TRUE(resources::read_controller_roles(pod).may_join);
  }
}

TEST(QuorumVoters, MayBeKilledBetweenAnyTwoWrites) {
  const auto run = [](World& world, int k, int kube_writes, bool is_done) {
    begin(world, 3);
    world.admin.voters = {0, 1, 2};
    const int writes = world.kube.writes();
    const int changes = world.admin.changes;
    if (k > 0) world.die_at(k, kube_writes, is_done);
    scale(world, 1);
    pass_until_settled(world);
    world.kube.heal();
    world.restart();
    pass_until_settled(world);
    return std::tuple(world.summary(), world.kube.writes() - writes, world.admin.changes - changes);
  };
  World reference;
  const auto [expected, writes, changes] = run(reference, 0, 0, false);
  ASSERT_GT(writes, 5);
  ASSERT_GE(changes, 4);
  for (int k = 1; k <= writes + changes; ++k) {
    for (const bool is_done : {false, true}) {
      World world;
      const auto ended = run(world, k, writes, is_done);
      EXPECT_EQ(std::get<0>(ended), expected) << k << " of " << writes << " and " << changes;
      EXPECT_EQ(world.admin.voters, (std::set<std::int32_t>{0}));
    }
  }
}

}  // namespace
}  // namespace penstock::reconcile
