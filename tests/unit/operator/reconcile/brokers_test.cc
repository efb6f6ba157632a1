// Clusters of several brokers: who begins the quorum, who joins it, and what a topic waits for.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/resources/admin_secret.h"
#include "operator/resources/first_start.h"
#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

using resources::NodeIds;

constexpr const char* kThree = R"({"replicas":3,"storage":{"size":"1Gi"}})";

Json first_start(const World& world) {
  return world.kube.find(kube::kConfigMapKind, "kafka", "demo-first-start");
}
NodeIds formatted(const World& world) { return resources::read_formatted(first_start(world)).value(); }
std::string first_start_text(const World& world) {
  return first_start(world)["data"][resources::kFirstStartFile];
}
std::string ready_reason(const Json& object) {
  return resources::find_condition(object, "Ready").value("reason", "");
}

TEST(Brokers, ThreeBeginTheQuorumTogether) {
  World world;
  world.are_pods_ready = false;
  world.add_cluster(kThree);
  world.settle();
  EXPECT_EQ(world.kube.find(kube::kStatefulSetKind, "kafka", "demo")["spec"]["replicas"], 3);
  EXPECT_EQ(ready_reason(world.cluster()), "BrokersNotReady");
  const std::string text = first_start_text(world);
  for (const char* pod : {"0@demo-0.", "1@demo-1.", "2@demo-2."})
    EXPECT_NE(text.find(pod), std::string::npos) << text;
  EXPECT_EQ(formatted(world), NodeIds{});
  world.are_pods_ready = true;
  world.settle();
  EXPECT_EQ(formatted(world), (NodeIds{0, 1, 2}));
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_EQ(world.cluster()["status"]["brokers"].size(), 3u);
  EXPECT_EQ(world.admin.defaults, (Configs{{"min.insync.replicas", "2"}}));
}

// Whoever has not been seen yet may still have to begin: each counts for itself.
TEST(Brokers, AControllerHasBegunOnceItWasReady) {
  World world;
  world.pods_not_ready = {"demo-1"};
  world.add_cluster(kThree);
  world.settle();
  EXPECT_EQ(formatted(world), (NodeIds{0, 2}));
  // Nothing takes it back.
  world.pods_not_ready = {"demo-0", "demo-1"};
  world.restart();
  world.settle();
  EXPECT_EQ(formatted(world), (NodeIds{0, 2}));
}

TEST(Brokers, AnOlderViewForgetsNobody) {
  World world;
  world.kube.keeps_history = true;
  world.pods_not_ready = {"demo-2"};
  world.add_cluster(kThree);
  world.settle();
  const std::size_t before = world.kube.history().size() - 1;
  world.pods_not_ready.clear();
  world.settle();
  ASSERT_EQ(formatted(world), (NodeIds{0, 1, 2}));
  for (std::size_t change = 0; change <= before; ++change) {
    world.pass_on_old_view(change);
    EXPECT_EQ(formatted(world), (NodeIds{0, 1, 2})) << change;
  }
}

TEST(Brokers, MoreBrokersJoinTheQuorumThatIsThere) {
  World world;
  world.add_cluster(R"({"storage":{"size":"1Gi"}})");
  world.settle();
  const std::string id = world.cluster()["status"]["clusterId"];
  EXPECT_EQ(formatted(world), (NodeIds{0}));
  for (const int replicas : {3, 4}) {
    world.edit(kube::kKafkaClusterKind, "demo", ("{\"replicas\":" + std::to_string(replicas) + "}").c_str());
    world.settle();
    EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
    EXPECT_EQ(world.cluster()["status"]["readyReplicas"], replicas);
    EXPECT_EQ(world.cluster()["status"]["clusterId"], id);
    // The quorum began with one: nobody else ever begins it.
    EXPECT_EQ(first_start_text(world).find("demo-1"), std::string::npos);
    EXPECT_EQ(formatted(world), (NodeIds{0}));
  }
}

TEST(Brokers, TheFourthBrokerRestartsNobody) {
  World world;
  world.add_cluster(kThree);
  world.settle();
  const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-0");
  world.edit(kube::kKafkaClusterKind, "demo", R"({"replicas":4})");
  world.settle();
  EXPECT_EQ(world.cluster()["status"]["readyReplicas"], 4);
  EXPECT_EQ(world.kube.find(kube::kPodKind, "kafka", "demo-0")["metadata"]["uid"], pod["metadata"]["uid"]);
}

TEST(Brokers, NoneIsTakenAwayWithItsReplicas) {
  World world;
  world.add_cluster(kThree);
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"partitions":1,"replicationFactor":3})");
  world.settle();
  world.edit(kube::kKafkaClusterKind, "demo", R"({"replicas":1})");
  world.settle();
  EXPECT_EQ(world.kube.find(kube::kStatefulSetKind, "kafka", "demo")["spec"]["replicas"], 3);
  EXPECT_EQ(ready_reason(world.cluster()), "ScaleDownRefused");
}

// A claim that was lost while there was no cluster: its pod must not vote for its predecessor.
TEST(Brokers, AClusterThatTakesUpVolumesBeginsNoSecondQuorum) {
  World world;
  world.add_cluster(kThree);
  world.settle();
  const std::string text = first_start_text(world);
  world.delete_cluster();
  world.settle();
  world.kube.erase(kube::kPersistentVolumeClaimKind, "kafka", "data-demo-1");
  world.are_pods_ready = false;
  world.add_cluster(kThree);
  world.settle();
  EXPECT_EQ(first_start_text(world), text);
  EXPECT_EQ(formatted(world), (NodeIds{0, 1, 2}));
}

TEST(Brokers, AQuorumOfThreeIsNotTakenUpByOne) {
  World world;
  world.add_cluster(kThree);
  world.settle();
  const std::string id = world.cluster()["status"]["clusterId"];
  world.delete_cluster();
  world.settle();
  world.add_cluster(R"({"storage":{"size":"1Gi"}})");
  world.settle();
  EXPECT_EQ(ready_reason(world.cluster()), "InvalidSpec");
  EXPECT_TRUE(world.kube.all(kube::kPodKind).empty());
  world.edit(kube::kKafkaClusterKind, "demo", R"({"replicas":3})");
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  EXPECT_EQ(world.cluster()["status"]["clusterId"], id);
}

// Volumes were made, but no broker ever ran on them.
TEST(Brokers, AClusterThatNeverBeganStillCan) {
  World world;
  world.are_pods_ready = false;
  world.add_cluster(kThree);
  world.settle();
  world.delete_cluster();
  world.settle();
  EXPECT_EQ(world.kube.all(kube::kPersistentVolumeClaimKind).size(), 3u);
  world.add_cluster(kThree);
  world.settle();
  EXPECT_EQ(formatted(world), NodeIds{});
}

TEST(Brokers, TheAdminTokenIsMadeOnceAndAgainWhenItIsGone) {
  World world;
  world.add_cluster(kThree);
  world.settle();
  const Json secret = world.kube.find(kube::kSecretKind, "kafka", "demo-admin");
  EXPECT_EQ(resources::read_admin_token(secret).value().size(), 43u);
  world.restart();
  world.settle();
  EXPECT_EQ(world.kube.find(kube::kSecretKind, "kafka", "demo-admin"), secret);
  world.kube.erase(kube::kSecretKind, "kafka", "demo-admin");
  world.settle();
  const Json other = world.kube.find(kube::kSecretKind, "kafka", "demo-admin");
  ASSERT_TRUE(other.is_object());
  EXPECT_NE(other["data"], secret["data"]);
  world.delete_cluster();
  world.settle();
  EXPECT_TRUE(world.kube.all(kube::kSecretKind).empty());
}

// They were made when there was one broker.
TEST(Brokers, KafkasOwnTopicsGetReplicasAsBrokersCome) {
  World world;
  world.add_cluster(R"({"storage":{"size":"1Gi"}})");
  world.settle();
  world.admin.topics["__consumer_offsets"] = {"id-1", 50, 1, {}};
  world.admin.topics["plain"] = {"id-2", 3, 1, {}};
  world.settle();
  world.edit(kube::kKafkaClusterKind, "demo", R"({"replicas":3})");
  world.settle();
  for (const PartitionState& one : world.admin.topics.at("__consumer_offsets").layout) {
    EXPECT_EQ(one.replicas.size(), 3u);
    EXPECT_FALSE(one.is_moving());
  }
  EXPECT_LE(world.admin.moving_max, 20u);
  EXPECT_FALSE(world.admin.is_unthrottled);
  // Whoever makes a topic decides for it.
  EXPECT_EQ(world.admin.topics.at("plain").layout[0].replicas.size(), 1u);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  const int changes = world.admin.changes;
  world.pass();
  EXPECT_EQ(world.admin.changes, changes);
}

TEST(Brokers, ATopicWaitsForTheBrokersThatItsReplicasNeed) {
  World world;
  world.pods_not_ready = {"demo-2"};
  world.add_cluster(kThree);
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"partitions":3})");
  world.add_topic("two", R"({"clusterRef":{"name":"demo"},"replicationFactor":2})");
  world.add_topic("four", R"({"clusterRef":{"name":"demo"},"replicationFactor":4})");
  world.settle();
  EXPECT_EQ(ready_reason(world.topic("test")), "ClusterNotReady");
  EXPECT_FALSE(world.admin.topics.contains("test"));
  EXPECT_TRUE(resources::is_condition_true(world.topic("two"), "Ready"));
  world.pods_not_ready.clear();
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
  EXPECT_EQ(world.admin.topics.at("test").replication_factor, 3);
  // More than there will ever be: Kafka says so.
  EXPECT_EQ(ready_reason(world.topic("four")), "RefusedByBroker");
}

}  // namespace
}  // namespace penstock::reconcile
