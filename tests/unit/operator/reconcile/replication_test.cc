// The number of replicas of a KafkaTopic: changed by moves, throttled, and whatever happens in between.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/reconcile/reassignment.h"
#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

constexpr const char* kCluster =
    R"({"replicas":3,"storage":{"size":"1Gi"},"topicDefaults":{"minInSyncReplicas":1}})";
constexpr const char* kTopic = R"({"clusterRef":{"name":"demo"},"partitions":30,"replicationFactor":1})";

Json condition(const World& world, const char* type) {
  return resources::find_condition(world.topic("test"), type);
}

void begin(World& world) {
  world.add_cluster(kCluster);
  world.add_topic("test", kTopic);
  world.settle();
}

void set(World& world, const char* spec) { world.edit(kube::kKafkaTopicKind, "test", spec); }

void expect_replicas(const World& world, std::size_t count) {
  for (const PartitionState& one : world.admin.topics.at("test").layout) {
    EXPECT_EQ(one.replicas.size(), count);
    EXPECT_FALSE(one.is_moving());
  }
}

void expect_no_throttle(const World& world) {
  for (const auto& [broker, configs] : world.admin.broker_configs) EXPECT_TRUE(configs.empty()) << broker;
  for (const auto& [name, value] : world.admin.topics.at("test").configs) {
    EXPECT_FALSE(name.ends_with("throttled.replicas")) << name;
  }
}

TEST(ReplicationFactor, GoesUpAFewPartitionsAtATimeAndDownAgain) {
  World world;
  begin(world);
  set(world, R"({"replicationFactor":3})");
  world.pass();
  EXPECT_EQ(world.admin.count_moving(), kMovesMax);
  EXPECT_EQ(world.topic("test")["status"]["reassignment"],
            (Json{{"partitionsTotal", 30}, {"partitionsRemaining", 30}}));
  EXPECT_EQ(condition(world, "Ready")["reason"], "Reassigning");
  EXPECT_EQ(condition(world, "Reassigning")["status"], "True");
  world.pass();
  EXPECT_EQ(condition(world, "Ready")["message"], "20 of 30 partitions have 3 replicas");
  world.settle();
  expect_replicas(world, 3);
  expect_no_throttle(world);
  EXPECT_FALSE(world.admin.is_unthrottled);
  EXPECT_EQ(world.admin.moving_max, kMovesMax);
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
  EXPECT_EQ(condition(world, "Reassigning")["status"], "False");
  EXPECT_FALSE(world.topic("test")["status"].contains("reassignment"));
  EXPECT_EQ(world.topic("test")["status"]["replicationFactor"], 3);
  set(world, R"({"replicationFactor":2})");
  world.settle();
  expect_replicas(world, 2);
  expect_no_throttle(world);
  const int writes = world.kube.writes() + world.admin.changes;
  world.pass();
  EXPECT_EQ(world.kube.writes() + world.admin.changes, writes);
}

TEST(ReplicationFactor, IsTurnedWhileReplicasMove) {
  World world;
  begin(world);
  set(world, R"({"replicationFactor":3})");
  world.admin.are_moves_stuck = true;
  world.settle();
  EXPECT_EQ(world.topic("test")["status"]["replicationFactor"], 1);
  set(world, R"({"replicationFactor":2})");
  world.settle();
  for (const PartitionState& one : world.admin.topics.at("test").layout) {
    if (one.is_moving()) EXPECT_EQ(one.target().size(), 2u);
  }
  world.admin.are_moves_stuck = false;
  world.settle();
  expect_replicas(world, 2);
  expect_no_throttle(world);
}

TEST(ReplicationFactor, MinIsrIsRaisedWhenTheReplicasAreThereAndLoweredBeforeTheyGo) {
  World world;
  begin(world);
  set(world, R"({"replicationFactor":3,"minInSyncReplicas":2})");
  world.admin.are_moves_stuck = true;
  world.settle();
  EXPECT_FALSE(world.admin.topics.at("test").configs.contains("min.insync.replicas"));
  world.admin.are_moves_stuck = false;
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").configs.at("min.insync.replicas"), "2");
  expect_replicas(world, 3);
  set(world, R"({"replicationFactor":1,"minInSyncReplicas":1})");
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").configs.at("min.insync.replicas"), "1");
  expect_replicas(world, 1);
}

TEST(ReplicationFactor, BelowMinIsrIsRefused) {
  World world;
  begin(world);
  set(world, R"({"replicationFactor":3})");
  world.settle();
  world.edit(kube::kKafkaClusterKind, "demo", R"({"suspend":true})");
  world.admin.defaults["min.insync.replicas"] = "2";
  set(world, R"({"replicationFactor":1})");
  world.settle();
  EXPECT_EQ(condition(world, "Ready")["reason"], "InvalidSpec");
  EXPECT_EQ(
      condition(world, "Ready")["message"],
      "spec.replicationFactor: 1 replica would be less than min.insync.replicas, which is 2 for this topic; "
      "lower that first");
  expect_replicas(world, 3);
  set(world, R"({"replicationFactor":2})");
  world.settle();
  expect_replicas(world, 2);
}

// A person's own move and throttle is left to them.
TEST(ReplicationFactor, RatesThatAPersonSetStand) {
  World world;
  begin(world);
  world.admin.broker_configs[1] = {{"leader.replication.throttled.rate", "7"},
                                   {"follower.replication.throttled.rate", "7"}};
  set(world, R"({"replicationFactor":3})");
  world.settle();
  expect_replicas(world, 3);
  EXPECT_EQ(world.admin.broker_configs[1].at("leader.replication.throttled.rate"), "7");
  EXPECT_TRUE(world.admin.broker_configs[0].empty());
}

// At its k-th write, before it or before its answer; another operator takes over.
TEST(ReplicationFactor, MayBeChangedByAnOperatorThatIsKilledAtAnyWrite) {
  const auto run = [](World& world, bool is_mortal) {
    const auto settle = [&] {
      world.settle();
      if (!is_mortal) return;
      world.kube.heal();
      world.restart();
      world.settle();
    };
    begin(world);
    settle();
    set(world, R"({"replicationFactor":3,"minInSyncReplicas":2})");
    settle();
    set(world, R"({"replicationFactor":2,"minInSyncReplicas":1})");
    settle();
    return world.summary();
  };
  World reference;
  const std::string expected = run(reference, false);
  const int changes = reference.admin.changes;
  ASSERT_GT(changes, 10);
  for (int k = 2; k <= changes; ++k) {
    for (const bool is_done : {false, true}) {
      World world;
      world.admin.fail_after_changes(k, is_done);
      EXPECT_EQ(run(world, true), expected) << "killed at " << k << " of " << changes << is_done;
      EXPECT_FALSE(world.admin.is_unthrottled);
      expect_no_throttle(world);
    }
  }
}

}  // namespace
}  // namespace penstock::reconcile
