// Deletion in every order, death at every write, views of the past, and how much is said about it.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

constexpr const char* kCluster =
    R"({"storage":{"size":"1Gi"},"topicDefaults":{"partitions":2,"minInSyncReplicas":1},
    "config":{"log.retention.hours":24}})";
constexpr const char* kTopic =
    R"({"clusterRef":{"name":"demo"},"partitions":3,"config":{"retention.ms":1000}})";

std::string reason(const Json& object) {
  return resources::find_condition(object, "Ready").value("reason", "");
}

std::vector<Json> events(const World& world, const std::string& reason) {
  std::vector<Json> found;
  for (Json& event : world.kube.all(kube::kEventKind)) {
    if (event["reason"] == reason) found.push_back(std::move(event));
  }
  return found;
}

World& with_two_topics(World& world) {
  world.add_cluster(kCluster);
  world.add_topic("gone", kTopic);
  world.add_topic("kept", R"({"clusterRef":{"name":"demo"},"deletionPolicy":"Retain"})");
  world.settle();
  EXPECT_EQ(world.admin.topics.size(), 2u);
  return world;
}

TEST(Deletion, OfATopicFollowsItsPolicy) {
  World world;
  with_two_topics(world);
  world.delete_topic("gone");
  world.delete_topic("kept");
  world.settle();
  EXPECT_TRUE(world.topic("gone").is_null());
  EXPECT_TRUE(world.topic("kept").is_null());
  EXPECT_FALSE(world.admin.topics.contains("gone"));
  EXPECT_TRUE(world.admin.topics.contains("kept"));
}

// Whatever is deleted first, and whether brokers answer or not: nothing of it stays, but the volumes do.
TEST(Deletion, InAnyOrderFinishes) {
  using Act = void (*)(World&);
  static constexpr Act kTopicGoes = [](World& world) { world.delete_topic("gone"); };
  static constexpr Act kClusterGoes = [](World& world) { world.delete_cluster(); };
  static constexpr Act kNamespaceGoes = [](World& world) { world.delete_namespace(); };
  const std::vector<std::vector<Act>> orders = {
      {kTopicGoes, kClusterGoes, kNamespaceGoes},
      {kClusterGoes, kTopicGoes, kNamespaceGoes},
      {kNamespaceGoes},
      {kTopicGoes, kNamespaceGoes},
      {kClusterGoes, kNamespaceGoes},
  };
  for (std::size_t order = 0; order < orders.size(); ++order) {
    for (const bool has_pauses : {false, true}) {
      for (const bool is_silent : {false, true}) {
        World world;
        with_two_topics(world);
        world.admin.is_silent = is_silent;
        for (const Act act : orders[order]) {
          act(world);
          if (has_pauses) world.pass();
        }
        world.pass();
        world.pass();
        for (const kube::Kind kind : kViewedKinds) {
          EXPECT_TRUE(world.kube.all(kind).empty()) << kind.kind << " order " << order << " " << is_silent;
        }
      }
    }
  }
}

TEST(Deletion, OfTheClusterKeepsItsVolumesUnlessAsked) {
  for (const bool is_asked : {false, true}) {
    World world;
    world.add_cluster(is_asked ? R"({"storage":{"size":"1Gi","reclaimPolicy":"Delete"}})" : kCluster);
    world.settle();
    world.delete_cluster();
    world.settle();
    EXPECT_EQ(world.kube.all(kube::kPersistentVolumeClaimKind).size(), is_asked ? 0u : 1u);
    EXPECT_TRUE(world.kube.all(kube::kStatefulSetKind).empty());
  }
}

TEST(Deletion, OfATopicDoesNotWaitForEverForBrokers) {
  for (const bool are_pods_ready : {false, true}) {
    World world;
    with_two_topics(world);
    world.are_pods_ready = are_pods_ready;
    world.admin.is_silent = true;
    world.delete_topic("gone");
    world.settle();
    EXPECT_TRUE(world.topic("gone").is_object());
    EXPECT_EQ(reason(world.topic("gone")), "ClusterNotReady");
    world.now_ms += 119'000;
    world.settle();
    EXPECT_TRUE(world.topic("gone").is_object());
    EXPECT_TRUE(events(world, "TopicLeftBehind").empty());
    world.now_ms += 1'000;
    world.settle();
    EXPECT_TRUE(world.topic("gone").is_null());
    ASSERT_EQ(events(world, "TopicLeftBehind").size(), 1u);
    EXPECT_EQ(events(world, "TopicLeftBehind")[0]["type"], "Warning");
    EXPECT_TRUE(world.admin.topics.contains("gone"));
  }
}

TEST(Deletion, ThatTheBrokerRefusesSaysHowToLetGo) {
  World world;
  with_two_topics(world);
  world.admin.refuses_removal = true;
  world.delete_topic("gone");
  world.settle();
  EXPECT_EQ(reason(world.topic("gone")), "DeletionRefused");
  world.edit(kube::kKafkaTopicKind, "gone", R"({"deletionPolicy":"Retain"})");
  world.settle();
  EXPECT_TRUE(world.topic("gone").is_null());
  EXPECT_TRUE(world.admin.topics.contains("gone"));
}

// Two that are as old as each other: the one that has the topic keeps it, and the other takes nothing along.
TEST(Deletion, OfTheOneThatDoesNotHaveTheTopicLeavesIt) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("z", R"({"clusterRef":{"name":"demo"},"topicName":"orders"})");
  world.settle();
  Json twin = world.topic("z");
  world.add_topic("a", R"({"clusterRef":{"name":"demo"},"topicName":"orders"})");
  Json other = world.topic("a");
  other["metadata"]["creationTimestamp"] = twin["metadata"]["creationTimestamp"];
  // It had got as far as the finalizer.
  other["metadata"]["finalizers"] = Json::array({resources::kTopicFinalizer});
  world.kube.put(kube::kKafkaTopicKind, other);
  world.settle();
  EXPECT_EQ(reason(world.topic("z")), "Synced");
  EXPECT_EQ(reason(world.topic("a")), "Conflict");
  world.delete_topic("a");
  world.settle();
  EXPECT_TRUE(world.topic("a").is_null());
  EXPECT_TRUE(world.admin.topics.contains("orders"));
}

TEST(Deletion, AndCreationInQuickSuccessionConverge) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  for (int round = 0; round < 10; ++round) {
    world.add_topic("test", kTopic);
    if (round % 2 == 0) world.pass();
    if (round % 3 == 0) world.pass();
    world.delete_topic("test");
    while (world.topic("test").is_object()) world.pass();
  }
  EXPECT_TRUE(world.admin.topics.empty());
  world.add_topic("test", kTopic);
  world.settle();
  EXPECT_EQ(world.admin.topics.size(), 1u);
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
}

TEST(Reconcile, TheLastOfManyQuickChangesWins) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const std::string config = world.kube.all(kube::kConfigMapKind)[0]["metadata"]["name"];
  for (int flip = 0; flip < 100; ++flip) {
    world.edit(
        kube::kKafkaClusterKind, "demo",
        flip % 2 ? R"({"config":{"log.retention.hours":24}})" : R"({"config":{"log.retention.hours":1}})");
    if (flip % 7 == 0) world.pass();
  }
  world.settle();
  EXPECT_EQ(world.cluster()["status"]["observedGeneration"], 101);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_EQ(world.kube.all(kube::kConfigMapKind).size(), 3u);
  EXPECT_EQ(world.kube.all(kube::kConfigMapKind)[0]["metadata"]["name"], config);
}

// Pods restart, connections are refused in changing words: what is said of it does not grow with time.
TEST(Events, DoNotPileUpWhileBrokersDoNotAnswer) {
  World world;
  with_two_topics(world);
  const std::size_t before = world.kube.all(kube::kEventKind).size();
  world.admin.is_silent = true;
  int writes = 0;
  for (int minute = 0; minute < 6; ++minute) {
    for (int round = 0; round < 10; ++round) {
      world.are_pods_ready = round % 2 == 0;
      world.pass();
      world.now_ms += 6'000;
    }
    if (minute == 0) writes = world.kube.writes();
  }
  EXPECT_LE(world.kube.all(kube::kEventKind).size(), before + 2);
  // Silence without flapping costs nothing at all.
  world.are_pods_ready = true;
  world.pass();
  writes = world.kube.writes();
  for (int round = 0; round < 10; ++round) world.pass();
  EXPECT_EQ(world.kube.writes(), writes);
}

TEST(Events, AreCountedUpAtMostOnceAMinute) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const auto flap = [&world] {
    world.are_pods_ready = false;
    world.pass();
    world.are_pods_ready = true;
    world.pass();
  };
  const auto warning = [&world] {
    std::vector<Json> found = events(world, "BrokersNotReady");
    std::erase_if(found, [](const Json& event) { return event["type"] != "Warning"; });
    return found;
  };
  // That they are not ready yet was said, as nothing to worry about.
  ASSERT_EQ(events(world, "BrokersNotReady").size(), 1u);
  ASSERT_TRUE(warning().empty());
  for (int i = 0; i < 5; ++i) flap();
  ASSERT_EQ(events(world, "BrokersNotReady").size(), 2u);
  ASSERT_EQ(warning().size(), 1u);
  EXPECT_EQ(warning()[0]["count"], 1);
  world.now_ms += kEventQuietMs;
  for (int i = 0; i < 5; ++i) flap();
  ASSERT_EQ(warning().size(), 1u);
  EXPECT_EQ(warning()[0]["count"], 2);
  EXPECT_EQ(warning()[0]["lastTimestamp"], resources::rfc3339(world.now_ms));
}

TEST(Events, AMissingClusterIsAWarning) {
  World world;
  world.add_topic("test", kTopic);
  world.settle();
  ASSERT_EQ(events(world, "ClusterNotFound").size(), 1u);
  EXPECT_EQ(events(world, "ClusterNotFound")[0]["type"], "Warning");
}

// A whole life: made, changed, deleted. `settle` is called after each of the three.
void live(World& world, const std::function<void()>& settle) {
  world.add_cluster(kCluster);
  world.add_topic("test", kTopic);
  world.add_topic("gone", kTopic);
  settle();
  world.edit(kube::kKafkaTopicKind, "test", R"({"partitions":6,"config":{"retention.ms":2000}})");
  world.edit(kube::kKafkaClusterKind, "demo", R"({"config":{"log.retention.hours":48}})");
  world.delete_topic("gone");
  settle();
}

void expect_at_rest(World& world, const std::string& expected, const std::string& what) {
  EXPECT_EQ(world.summary(), expected) << what;
  const int writes = world.kube.writes() + world.admin.changes;
  world.pass();
  EXPECT_EQ(world.kube.writes() + world.admin.changes, writes) << what;
}

// The operator dies at its k-th write, to the API server or to Kafka, before it or before its answer, for
// every k from creation to deletion; another one takes over, which knows nothing but what is there. At the
// end of each part of the life everything is as without any death, and nothing is written any more.
TEST(Reconcile, MayBeKilledBetweenAnyTwoWrites) {
  const auto run = [](World& world, bool is_mortal) {
    std::vector<std::string> ends;
    const auto settle = [&] {
      world.settle();
      if (is_mortal) {
        world.kube.heal();
        world.restart();
        world.settle();
      }
      const int writes = world.kube.writes() + world.admin.changes;
      world.pass();
      EXPECT_EQ(world.kube.writes() + world.admin.changes, writes);
      ends.push_back(world.summary());
    };
    live(world, settle);
    world.delete_topic("test");
    settle();
    world.delete_cluster();
    settle();
    return ends;
  };
  World reference;
  const std::vector<std::string> expected = run(reference, false);
  ASSERT_EQ(expected.size(), 4u);
  EXPECT_NE(expected[1].find("demo-bootstrap"), std::string::npos);
  EXPECT_EQ(expected[3].find("demo-bootstrap"), std::string::npos);
  EXPECT_TRUE(reference.admin.topics.empty());
  const int writes = reference.kube.writes();
  const int changes = reference.admin.changes;
  ASSERT_GT(writes, 15);
  ASSERT_GT(changes, 4);
  for (int k = 1; k <= writes + changes; ++k) {
    for (const bool is_done : {false, true}) {
      World world;
      world.die_at(k, writes, is_done);
      EXPECT_EQ(run(world, true), expected)
          << "killed at " << k << " of " << writes << " and " << changes << (is_done ? ", done" : "");
    }
  }
}

// A new operator whose first view is any moment of the past: it makes nothing again that was deleted, deletes
// nothing that was made anew, and ends at the same place.
TEST(Reconcile, MayStartFromAnyViewOfThePast) {
  const auto run = [](World& world) {
    world.kube.keeps_history = true;
    live(world, [&world] { world.settle(); });
    world.add_topic("gone", kTopic);
    world.settle();
    world.add_topic("never", kTopic);
    world.settle();
    world.delete_topic("never");
    world.settle();
  };
  World reference;
  run(reference);
  const std::string expected = reference.summary();
  EXPECT_EQ(reference.admin.topics.size(), 2u);
  const std::size_t changes = reference.kube.history().size();
  ASSERT_GT(changes, 30u);
  for (std::size_t change = 0; change < changes; ++change) {
    World world;
    run(world);
    world.pass_on_old_view(change);
    EXPECT_FALSE(world.admin.topics.contains("never")) << change;
    EXPECT_EQ(world.kube.all(kube::kPersistentVolumeClaimKind).size(), 1u);
    world.settle();
    expect_at_rest(world, expected, "view after change " + std::to_string(change));
  }
}

}  // namespace
}  // namespace penstock::reconcile
