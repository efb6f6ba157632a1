// Brokers that go and come, and processes that end.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/reconcile/reassignment.h"
#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

constexpr const char* kFour = R"({"replicas":4,"storage":{"size":"1Gi"}})";
constexpr const char* kTopic = R"({"clusterRef":{"name":"demo"},"partitions":40,"replicationFactor":3})";

Json condition(const World& world, const char* type) {
  return resources::find_condition(world.cluster(), type);
}
int set_replicas(const World& world) {
  return world.kube.find(kube::kStatefulSetKind, "kafka", "demo")["spec"]["replicas"];
}
bool is_anything_on(const World& world, std::int32_t broker) {
  for (const auto& [name, state] : world.admin.topics) {
    for (const PartitionState& one : state.layout) {
      if (std::find(one.replicas.begin(), one.replicas.end(), broker) != one.replicas.end()) return true;
    }
  }
  return false;
}
void begin(World& world) {
  world.add_cluster(kFour);
  world.add_topic("test", kTopic);
  world.settle();
  ASSERT_TRUE(is_anything_on(world, 3));
}
void scale(World& world, int replicas) {
  world.edit(kube::kKafkaClusterKind, "demo", Json{{"replicas", replicas}}.dump().c_str());
}

TEST(ScaleDown, EmptiesTheBrokerThenStopsAndForgetsIt) {
  World world;
  begin(world);
  scale(world, 3);
  world.pass();
  EXPECT_EQ(set_replicas(world), 4);
  EXPECT_EQ(world.admin.count_moving(), kMovesMax);
  EXPECT_EQ(condition(world, "Ready")["message"],
            "30 partitions are still to be moved off brokers that go (3)");
  while (set_replicas(world) == 4) {
    EXPECT_TRUE(world.kube.find(kube::kPodKind, "kafka", "demo-3").is_object());
    world.pass();
  }
  EXPECT_FALSE(is_anything_on(world, 3));
  world.settle();
  EXPECT_TRUE(world.kube.find(kube::kPodKind, "kafka", "demo-3").is_null());
  EXPECT_TRUE(world.kube.find(kube::kPersistentVolumeClaimKind, "kafka", "data-demo-3").is_object());
  EXPECT_EQ(world.admin.unregistered, (std::vector<std::int32_t>{3}));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_FALSE(world.admin.is_unthrottled);
  EXPECT_LE(world.admin.moving_max, kMovesMax);
  for (const auto& [broker, configs] : world.admin.broker_configs) EXPECT_TRUE(configs.empty()) << broker;
  // Nobody who stays was restarted for it.
  EXPECT_TRUE(world.brokers.reserved.empty());
  scale(world, 4);
  world.settle();
  EXPECT_EQ(set_replicas(world), 4);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_FALSE(is_anything_on(world, 3)) << "new brokers get what is made from then on";
}

TEST(ScaleDown, IsRefusedWhenReplicasNeedTheBrokers) {
  World world;
  begin(world);
  world.add_topic("wide", R"({"clusterRef":{"name":"demo"},"partitions":1,"replicationFactor":4})");
  world.settle();
  scale(world, 3);
  world.settle();
  EXPECT_EQ(set_replicas(world), 4);
  EXPECT_EQ(condition(world, "Stalled")["reason"], "ScaleDownRefused");
  EXPECT_EQ(
      condition(world, "Ready")["message"],
      "spec.replicas: topic wide has 4 replicas, which need as many brokers; lower that first, or keep more "
      "brokers");
  world.edit(kube::kKafkaTopicKind, "wide", R"({"replicationFactor":3})");
  world.settle();
  EXPECT_EQ(set_replicas(world), 3);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(ScaleDown, WaitsWhileNobodyTellsOfTheCluster) {
  World world;
  begin(world);
  world.brokers.is_silent = true;
  scale(world, 3);
  world.settle();
  EXPECT_EQ(set_replicas(world), 4);
  EXPECT_EQ(condition(world, "Ready")["message"],
            "brokers that go are emptied when a broker tells of the cluster");
}

TEST(ScaleDown, MayBeKilledBetweenAnyTwoWrites) {
  const auto run = [](World& world, int k, int kube_writes, bool is_done) {
    begin(world);
    const int writes = world.kube.writes();
    const int changes = world.admin.changes;
    if (k > 0) world.die_at(k, kube_writes, is_done);
    scale(world, 3);
    world.settle();
    world.kube.heal();
    world.restart();
    world.settle();
    const int at_rest = world.kube.writes() + world.admin.changes;
    world.pass();
    EXPECT_EQ(world.kube.writes() + world.admin.changes, at_rest);
    EXPECT_FALSE(world.admin.is_unthrottled);
    EXPECT_FALSE(is_anything_on(world, 3));
    return std::tuple(world.summary(), world.kube.writes() - writes, world.admin.changes - changes);
  };
  World reference;
  const auto [expected, writes, changes] = run(reference, 0, 0, false);
  ASSERT_GT(writes, 3);
  ASSERT_GT(changes, 5);
  for (int k = 1; k <= writes + changes; ++k) {
    for (const bool is_done : {false, true}) {
      World world;
      const auto ended = run(world, k, writes, is_done);
      EXPECT_EQ(std::get<0>(ended), expected) << k << " of " << writes << " and " << changes;
    }
  }
}

void set_run(World& world, int ordinal, int restarts, const char* state = "running") {
  Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-" + std::to_string(ordinal));
  pod["status"]["containerStatuses"] = Json::array({{{"containerID", "containerd://x"},
                                                     {"restartCount", restarts},
                                                     {"state", {{state, Json::object()}}}}});
  world.kube.put(kube::kPodKind, std::move(pod));
}

void begin_with_processes(World& world) {
  world.add_cluster(R"({"replicas":3,"storage":{"size":"1Gi"}})");
  world.settle();
  for (int i = 0; i < 3; ++i) {
    world.brokers.epochs[i] = 100 + i;
    set_run(world, i, 0);
  }
  world.settle();
  EXPECT_TRUE(world.brokers.dead.empty());
}

using Deaths = std::vector<std::pair<std::int32_t, std::int64_t>>;

TEST(Deaths, OfAContainerIsToldOnceWithItsEpoch) {
  World world;
  begin_with_processes(world);
  set_run(world, 1, 0, "terminated");
  world.pass();
  EXPECT_EQ(world.brokers.dead, (Deaths{{1, 101}}));
  world.brokers.epochs[1] = 140;
  set_run(world, 1, 1);
  world.settle();
  EXPECT_EQ(world.brokers.dead.size(), 1u);
  // Its successor is known by its own epoch, and by what a later container says.
  set_run(world, 1, 2);
  world.pass();
  EXPECT_EQ(world.brokers.dead.back(), (std::pair<std::int32_t, std::int64_t>{1, 140}));
}

TEST(Deaths, OfAPodThatIsGoneIsToldAndOfOneThatIsFencedNot) {
  World world;
  begin_with_processes(world);
  world.kube.erase(kube::kPodKind, "kafka", "demo-2");
  world.pass();
  EXPECT_EQ(world.brokers.dead, (Deaths{{2, 102}}));
  world.brokers.fenced = {1};
  set_run(world, 1, 0, "terminated");
  world.settle();
  EXPECT_EQ(world.brokers.dead.size(), 1u);
}

TEST(Deaths, AreToldAgainUntilSomebodyListens) {
  World world;
  begin_with_processes(world);
  world.brokers.controller = -1;
  set_run(world, 1, 0, "terminated");
  world.pass();
  EXPECT_TRUE(world.brokers.dead.empty());
  world.brokers.controller = 2;
  world.now_ms += 2'000;
  world.pass();
  EXPECT_EQ(world.brokers.dead, (Deaths{{1, 101}}));
  // What is long over is told to nobody.
  world.brokers.controller = -1;
  set_run(world, 0, 0, "terminated");
  world.pass();
  world.now_ms += BrokerProcesses::kToldMs + 1;
  world.pass();
  world.brokers.controller = 2;
  world.pass();
  EXPECT_EQ(world.brokers.dead.size(), 1u);
}

}  // namespace
}  // namespace penstock::reconcile
