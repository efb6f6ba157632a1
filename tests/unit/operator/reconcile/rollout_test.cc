// Rolls of clusters of several brokers, and what the cluster's status tells of its brokers.
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

constexpr const char* kThree = R"({"replicas":3,"storage":{"size":"1Gi"}})";
constexpr const char* kChange = R"({"config":{"log.retention.hours":48}})";

Json condition(const World& world, const char* type) {
  return resources::find_condition(world.cluster(), type);
}
Json status(const World& world) { return world.cluster()["status"]; }

std::vector<std::string> uids(const World& world) {
  std::vector<std::string> all;
  for (const Json& pod : world.kube.all(kube::kPodKind)) all.push_back(pod["metadata"]["uid"]);
  return all;
}

void begin(World& world) {
  world.add_cluster(kThree);
  world.settle();
}
void change(World& world) { world.edit(kube::kKafkaClusterKind, "demo", kChange); }

bool has_event(const World& world, const std::string& reason) {
  for (const Json& event : world.kube.all(kube::kEventKind)) {
    if (event["reason"] == reason) return true;
  }
  return false;
}

TEST(Rollout, StopsOneBrokerAfterTheOtherAndTheControllerLast) {
  World world;
  world.brokers.controller = 1;
  begin(world);
  const auto before = uids(world);
  change(world);
  world.pass();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(status(world)["rollout"], (Json{{"podsTotal", 3},
                                            {"podsUpdated", 0},
                                            {"brokerId", 0},
                                            {"message", "pod demo-0 restarts with the new configuration"}}));
  EXPECT_EQ(condition(world, "Ready")["reason"], "Progressing");
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{0, 2, 1}));
  const auto after = uids(world);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(after[i], before[i]);
  EXPECT_FALSE(status(world).contains("rollout"));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(Rollout, WaitsForTheActiveControllersWordAndSaysWhy) {
  World world;
  begin(world);
  const auto before = uids(world);
  world.brokers.refusal = "the replica of test-0 on broker 1 is not in sync";
  change(world);
  world.settle();
  EXPECT_EQ(uids(world), before);
  const std::string why = "broker 1 is not restarted yet: the replica of test-0 on broker 1 is not in sync";
  EXPECT_EQ(status(world)["rollout"]["message"], why);
  EXPECT_EQ(condition(world, "Ready")["message"], why);
  EXPECT_TRUE(has_event(world, "RolloutWaits"));
  world.brokers.refusal.clear();
  world.settle();
  EXPECT_NE(uids(world), before);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(Rollout, WaitsWhenNobodyCanGrantAStop) {
  World world;
  begin(world);
  const auto before = uids(world);
  change(world);
  world.brokers.controller = -1;
  world.settle();
  EXPECT_EQ(uids(world), before);
  EXPECT_EQ(status(world)["rollout"]["message"],
            "no active controller can be asked for the stop of broker 0");
  world.brokers.controller = 0;
  world.brokers.is_silent = true;
  world.settle();
  EXPECT_EQ(uids(world), before);
}

// A JVM keeps an address for 30 seconds.
TEST(Rollout, WaitsUntilClientsFindTheLastOneAtItsNewAddress) {
  World world;
  world.pods_tell_their_start = true;
  begin(world);
  world.now_ms += 60'000;
  change(world);
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(status(world)["rollout"]["message"],
            "pod demo-1 has restarted: for 35 s clients may look for it at its former address");
  EXPECT_EQ(condition(world, "Ready")["reason"], "Progressing");
  world.now_ms += 35'000;
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{1, 2}));
  world.now_ms += 35'000;
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{1, 2, 0}));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(Rollout, DoesNotWaitForAddressesOfOneMachine) {
  World world;
  world.pods_tell_their_start = true;
  world.pod_subnet = "127.0.0.";
  begin(world);
  change(world);
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{1, 2, 0}));
}

TEST(Rollout, WaitsUntilTheLastOneIsBack) {
  World world;
  begin(world);
  change(world);
  world.pass();
  world.pods_not_ready = {"demo-1"};
  world.settle();
  EXPECT_EQ(world.brokers.reserved, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(status(world)["rollout"]["message"], "pod demo-1 has restarted and is not ready yet");
}

// A pod whose process ends at once, for want of exactly this change.
TEST(Rollout, APodWithoutAProcessIsReplacedWithoutAsking) {
  World world;
  begin(world);
  world.brokers.refusal = "broker 2 is fenced";
  world.pods_not_ready = {"demo-2"};
  world.settle();
  const std::string before = world.kube.find(kube::kPodKind, "kafka", "demo-2")["metadata"]["uid"];
  change(world);
  world.pass();
  world.pods_not_ready.clear();
  world.settle();
  EXPECT_NE(world.kube.find(kube::kPodKind, "kafka", "demo-2")["metadata"]["uid"], before);
  EXPECT_TRUE(world.brokers.reserved.empty());
}

TEST(Rollout, AStopThatIsNotWantedAnyMoreIsGivenBack) {
  World world;
  begin(world);
  change(world);
  world.pass();
  world.edit(kube::kKafkaClusterKind, "demo", R"({"config":null})");
  world.settle();
  EXPECT_FALSE(world.brokers.released.empty());
}

TEST(Rollout, MayBeKilledBetweenAnyTwoWrites) {
  const auto run = [](World& world, int k, bool is_done) {
    begin(world);
    const int before = world.kube.writes();
    if (k > 0) world.kube.fail_after_writes(k, is_done);
    change(world);
    world.settle();
    world.kube.heal();
    world.restart();
    world.settle();
    const int writes = world.kube.writes();
    world.pass();
    EXPECT_EQ(world.kube.writes(), writes);
    return std::pair(world.summary(), writes - before);
  };
  World reference;
  const auto [expected, writes] = run(reference, 0, false);
  ASSERT_GT(writes, 8);
  for (int k = 1; k <= writes; ++k) {
    for (const bool is_done : {false, true}) {
      World world;
      EXPECT_EQ(run(world, k, is_done).first, expected) << k;
      EXPECT_EQ(world.brokers.reserved.back(), 0) << "the controller is the last";
    }
  }
}

TEST(ClusterStatus, TellsWhatTheBrokersSee) {
  World world;
  world.brokers.controller = 2;
  world.brokers.changed.under_replicated = 4;
  world.brokers.changed.last_failover = {312, 1, 1'767'312'000'000};
  begin(world);
  EXPECT_EQ(status(world)["controllerId"], 2);
  EXPECT_EQ(status(world)["underReplicatedPartitions"], 4);
  EXPECT_EQ(status(world)["lastFailover"],
            (Json{{"milliseconds", 312}, {"brokerId", 1}, {"time", "2026-01-02T00:00:00Z"}}));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_EQ(condition(world, "Degraded")["reason"], "PartitionsUnderReplicated");
  world.brokers.changed = {};
  world.settle();
  EXPECT_EQ(condition(world, "Degraded")["status"], "False");
  // The next controller knows nothing of it.
  EXPECT_EQ(status(world)["lastFailover"]["milliseconds"], 312);
}

TEST(ClusterStatus, IsNotAvailableWhenBrokersAreGoneAndNoControllerIsLeft) {
  World world;
  begin(world);
  world.pods_not_ready = {"demo-0", "demo-1"};
  world.settle();
  EXPECT_EQ(condition(world, "Available")["status"], "True");
  world.brokers.controller = -1;
  world.settle();
  EXPECT_EQ(condition(world, "Available")["reason"], "NoActiveController");
  EXPECT_EQ(condition(world, "Available")["status"], "False");
}

TEST(ClusterStatus, IsNotReadyWhileBrokersAreFencedOrPartitionsCannotBeWritten) {
  World world;
  begin(world);
  world.brokers.fenced = {1};
  world.settle();
  EXPECT_EQ(condition(world, "Ready")["reason"], "BrokersFenced");
  EXPECT_EQ(condition(world, "Degraded")["message"], "2 of 3 brokers are in service");
  EXPECT_EQ(status(world)["brokers"][1]["fenced"], true);
  EXPECT_EQ(status(world)["fencedBrokers"], 1);
  world.brokers.fenced.clear();
  world.brokers.changed.under_min_isr = 1;
  world.settle();
  EXPECT_EQ(condition(world, "Ready")["reason"], "PartitionsUnderMinISR");
  EXPECT_EQ(condition(world, "Available")["status"], "False");
  EXPECT_EQ(condition(world, "Available")["message"], "1 partition is below min.insync.replicas");
  world.brokers.changed.offline = 2;
  world.settle();
  EXPECT_EQ(condition(world, "Ready")["message"], "2 partitions are without a leader");
  world.brokers.changed = {};
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Available"));
}

TEST(ClusterStatus, StaysAsItWasWhileNobodyAnswers) {
  World world;
  world.brokers.changed.under_replicated = 4;
  begin(world);
  world.brokers.is_silent = true;
  world.settle();
  EXPECT_EQ(status(world)["underReplicatedPartitions"], 4);
  EXPECT_EQ(condition(world, "Degraded")["status"], "Unknown");
}

}  // namespace
}  // namespace penstock::reconcile
