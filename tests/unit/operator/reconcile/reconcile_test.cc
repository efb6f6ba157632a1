#include "operator/reconcile/pipeline.h"

#include <set>

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

std::string reason(const Json& object, const char* type = "Ready") {
  return resources::find_condition(object, type).value("reason", "");
}
std::string message(const Json& object, const char* type = "Ready") {
  return resources::find_condition(object, type).value("message", "");
}

TEST(ReconcileCluster, MakesEverythingAndThenWritesNothing) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const Json cluster = world.cluster();
  EXPECT_TRUE(resources::is_condition_true(cluster, "Ready")) << cluster["status"].dump(1);
  EXPECT_TRUE(resources::is_condition_true(cluster, "Available"));
  EXPECT_EQ(cluster["status"]["bootstrapServers"], "demo-bootstrap.kafka.svc:9092");
  EXPECT_EQ(cluster["status"]["brokers"][0]["address"], "10.0.0.7:9092");
  EXPECT_EQ(cluster["status"]["brokers"][0]["id"], 0);
  EXPECT_EQ(world.admin.defaults, (Configs{{"min.insync.replicas", "1"}}));
  const Json set = world.kube.find(kube::kStatefulSetKind, "kafka", "demo");
  EXPECT_EQ(set["spec"]["podManagementPolicy"], "Parallel");
  EXPECT_EQ(set["spec"]["updateStrategy"]["type"], "OnDelete");
  EXPECT_EQ(set["metadata"]["ownerReferences"][0]["uid"], cluster["metadata"]["uid"]);
  EXPECT_EQ(world.kube.all(kube::kServiceKind).size(), 2u);
  EXPECT_EQ(world.kube.all(kube::kConfigMapKind).size(), 3u);
  EXPECT_EQ(world.kube.all(kube::kSecretKind).size(), 1u);
  const int writes = world.kube.writes();
  for (int pass = 0; pass < 3; ++pass) world.pass();
  EXPECT_EQ(world.kube.writes(), writes);
}

TEST(ReconcileCluster, ADefaultThatIsNotWantedGoesBackToKafkas) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  Json cluster = world.cluster();
  cluster["spec"]["topicDefaults"] = Json::object();
  world.kube.put(kube::kKafkaClusterKind, cluster);
  world.admin.defaults["min.insync.replicas"] = "2";
  world.settle();
  EXPECT_EQ(world.admin.defaults, (Configs{{"min.insync.replicas", "1"}}));
}

TEST(ReconcileCluster, ConfigChangeMakesANewRevisionAndRollsThePod) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const Json before = world.kube.find(kube::kPodKind, "kafka", "demo-0");
  Json cluster = world.cluster();
  cluster["spec"]["config"]["log.retention.hours"] = 48;
  world.kube.put(kube::kKafkaClusterKind, cluster);
  world.settle();
  const Json after = world.kube.find(kube::kPodKind, "kafka", "demo-0");
  EXPECT_NE(after["metadata"]["uid"], before["metadata"]["uid"]);
  // The old revision is gone, the identity is the same.
  EXPECT_EQ(world.kube.all(kube::kConfigMapKind).size(), 3u);
  EXPECT_EQ(world.cluster()["status"]["clusterId"], cluster["status"]["clusterId"]);
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(ReconcileCluster, InvalidSpecLeavesWhatRunsUntouched) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const Json set = world.kube.find(kube::kStatefulSetKind, "kafka", "demo");
  struct Case {
    const char* spec;
    const char* message;
  };
  for (const Case& bad : {
           Case{R"({"storage":{"size":"1Mi"}})",
                "spec.storage.size: a volume cannot shrink; it has 1Gi, keep it or raise it"},
           Case{R"({"storage":{"size":"1Gi","storageClassName":"other"}})",
                "spec.storage.storageClassName: the storage class cannot be changed after creation"},
           Case{R"({"replicas":0,"storage":{"size":"1Gi"}})", "spec.replicas: must be at least 1, but is 0"},
           Case{R"({})", "spec.storage: is required"},
           Case{"null", "spec: must be of type object, but is null"},
       }) {
    Json cluster = world.cluster();
    cluster["spec"] = Json::parse(bad.spec);
    world.kube.put(kube::kKafkaClusterKind, cluster);
    world.settle();
    EXPECT_EQ(reason(world.cluster()), "InvalidSpec");
    EXPECT_EQ(message(world.cluster()), bad.message);
    EXPECT_EQ(resources::find_condition(world.cluster(), "Stalled")["status"], "True");
    EXPECT_EQ(world.cluster()["status"]["observedGeneration"], world.cluster()["metadata"]["generation"]);
    EXPECT_EQ(world.kube.find(kube::kStatefulSetKind, "kafka", "demo"), set);
  }
  Json cluster = world.cluster();
  cluster["spec"] = Json::parse(kCluster);
  world.kube.put(kube::kKafkaClusterKind, cluster);
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

TEST(ReconcileCluster, PutsChildrenRightThatOthersChangedOrDeleted) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const std::string id = world.cluster()["status"]["clusterId"];
  Json set = world.kube.find(kube::kStatefulSetKind, "kafka", "demo");
  set["spec"]["replicas"] = 0;
  set["metadata"]["labels"]["theirs"] = "kept";
  world.kube.put(kube::kStatefulSetKind, set);
  world.kube.erase(kube::kServiceKind, "kafka", "demo-bootstrap");
  world.kube.erase(kube::kConfigMapKind, "kafka", "demo-identity");
  world.settle();
  set = world.kube.find(kube::kStatefulSetKind, "kafka", "demo");
  EXPECT_EQ(set["spec"]["replicas"], 1);
  EXPECT_EQ(set["metadata"]["labels"]["theirs"], "kept");
  EXPECT_TRUE(world.kube.find(kube::kServiceKind, "kafka", "demo-bootstrap").is_object());
  EXPECT_EQ(world.kube.find(kube::kConfigMapKind, "kafka", "demo-identity")["data"]["clusterId"], id);
}

TEST(ReconcileCluster, TakesUpTheIdentityOfVolumesThatWereKept) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const std::string id = world.cluster()["status"]["clusterId"];
  world.delete_cluster();
  world.settle();
  EXPECT_EQ(world.kube.all(kube::kConfigMapKind).size(), 0u);
  EXPECT_EQ(world.kube.all(kube::kPersistentVolumeClaimKind).size(), 1u);
  world.add_cluster(kCluster);
  world.settle();
  EXPECT_EQ(world.cluster()["status"]["clusterId"], id);
}

TEST(ReconcileCluster, SuspendedIsLeftAlone) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  Json cluster = world.cluster();
  cluster["spec"]["suspend"] = true;
  cluster["spec"]["config"]["log.retention.hours"] = 1;
  world.kube.put(kube::kKafkaClusterKind, cluster);
  const std::size_t before = world.kube.log().size();
  world.settle();
  for (std::size_t i = before; i < world.kube.log().size(); ++i) {
    EXPECT_TRUE(world.kube.log()[i].starts_with("patch kafkaclusters/kafka/demo/status") ||
                world.kube.log()[i].starts_with("create events/"))
        << world.kube.log()[i];
  }
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Suspended"));
  // Whether it is as asked is not known.
  EXPECT_EQ(resources::find_condition(world.cluster(), "Ready")["status"], "Unknown");
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Available"));
}

TEST(ReconcileCluster, LeavesAloneWhatSomebodyElseMadeUnderItsNames) {
  World world;
  const Json theirs = {{"metadata", {{"name", "demo-bootstrap"}, {"namespace", "kafka"}}},
                       {"spec", {{"selector", {{"app", "theirs"}}}}}};
  world.kube.put(kube::kServiceKind, theirs);
  world.add_cluster(kCluster);
  world.settle();
  EXPECT_EQ(world.kube.find(kube::kServiceKind, "kafka", "demo-bootstrap")["spec"], theirs["spec"]);
  EXPECT_EQ(reason(world.cluster()), "Conflicting");
  EXPECT_NE(message(world.cluster()).find("Service kafka/demo-bootstrap is there already"),
            std::string::npos);
  world.kube.erase(kube::kServiceKind, "kafka", "demo-bootstrap");
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
}

// A Service whose old owner the garbage collector has not come to yet.
TEST(ReconcileCluster, WaitsForTheRemainsOfAClusterOfItsName) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  const Json old_uid = world.cluster()["metadata"]["uid"];
  world.delete_cluster();
  world.add_cluster(kCluster);
  world.pass();
  const Json cluster = world.cluster();
  EXPECT_NE(cluster["metadata"]["uid"], old_uid);
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  for (const kube::Kind kind : {kube::kServiceKind, kube::kConfigMapKind, kube::kStatefulSetKind}) {
    for (const Json& object : world.kube.all(kind)) {
      EXPECT_EQ(object["metadata"]["ownerReferences"].size(), 1u);
      EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], cluster["metadata"]["uid"]);
    }
  }
}

TEST(ReconcileCluster, APodOfSomebodyElseWithItsLabelsIsNoBroker) {
  World world;
  world.add_cluster(kCluster);
  world.settle();
  Json copy = world.kube.find(kube::kPodKind, "kafka", "demo-0");
  copy["metadata"].erase("annotations");
  copy["metadata"].erase("ownerReferences");
  for (const char* name : {"demo-0-debug", "demo-", "debug"}) {
    copy["metadata"]["name"] = name;
    world.kube.put(kube::kPodKind, copy);
  }
  world.settle();
  EXPECT_EQ(world.kube.all(kube::kPodKind).size(), 4u);
  EXPECT_EQ(world.cluster()["status"]["replicas"], 1);
}

TEST(ReconcileTopic, CreatesGrowsAndPutsConfigRight) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("test", kTopic);
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").partitions, 3);
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
  EXPECT_EQ(world.topic("test")["status"]["topicId"], world.admin.topics.at("test").id);
  Json topic = world.topic("test");
  topic["spec"]["partitions"] = 6;
  topic["spec"]["config"] = {{"cleanup.policy", "compact"}};
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").partitions, 6);
  EXPECT_EQ(world.admin.topics.at("test").configs, (Configs{{"cleanup.policy", "compact"}}));
  // Somebody changes it behind our back.
  world.admin.topics.at("test").configs = {{"cleanup.policy", "delete"}, {"retention.ms", "7"}};
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").configs, (Configs{{"cleanup.policy", "compact"}}));
  const int writes = world.kube.writes();
  const int calls = world.admin.changes;
  world.pass();
  EXPECT_EQ(world.kube.writes(), writes);
  EXPECT_EQ(world.admin.changes, calls);
}

// As Kafka gives values back: that is no drift.
TEST(ReconcileTopic, HowAValueIsWrittenDoesNotCount) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"config":{"cleanup.policy":"compact, delete",
      "preallocate":"TRUE"}})");
  world.settle();
  world.admin.topics.at("test").configs = {{"cleanup.policy", "compact,delete"}, {"preallocate", "true"}};
  const int changes = world.admin.changes;
  world.settle();
  EXPECT_EQ(world.admin.changes, changes);
}

TEST(ReconcileTopic, MinIsrAboveTheClustersReplicasIsRefusedBeforeTheTopicIsMade) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"minInSyncReplicas":2})");
  world.settle();
  EXPECT_EQ(reason(world.topic("test")), "InvalidSpec");
  EXPECT_EQ(message(world.topic("test")),
            "spec.minInSyncReplicas: 2 is more than the 1 replicas of the topic, so that no produce with "
            "acks=all could succeed");
  EXPECT_TRUE(world.admin.topics.empty());
  world.edit(kube::kKafkaTopicKind, "test", R"({"minInSyncReplicas":1})");
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
}

TEST(ReconcileTopic, WaitsForItsClusterAndThenIsMade) {
  World world;
  world.add_topic("test", kTopic);
  world.settle();
  EXPECT_EQ(reason(world.topic("test")), "ClusterNotFound");
  EXPECT_EQ(resources::find_condition(world.topic("test"), "ClusterReachable")["status"], "False");
  world.add_cluster(kCluster);
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
}

TEST(ReconcileTopic, AdoptsATopicThatIsThereAndNeverShrinksIt) {
  World world;
  world.add_cluster(kCluster);
  world.admin.topics["test"] = {"id-7", 8, 1, {}};
  world.add_topic("test", kTopic);
  world.settle();
  EXPECT_EQ(world.admin.topics.at("test").partitions, 8);
  EXPECT_EQ(reason(world.topic("test")), "NotSupported");
  EXPECT_EQ(message(world.topic("test")),
            "spec.partitions: the topic has 8 partitions, and Kafka cannot lower that to 3");
  Json topic = world.topic("test");
  topic["spec"]["partitions"] = 8;
  topic["spec"]["replicationFactor"] = 3;
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_EQ(message(world.topic("test")),
            "spec.replicationFactor: 3 replicas need as many brokers, and there are 1; raise the "
            "KafkaCluster's replicas, or lower this");
}

TEST(ReconcileTopic, TheBrokersRefusalIsShownAndTheFixRecovers) {
  World world;
  world.add_cluster(kCluster);
  world.admin.refuse_config = "no.such.key";
  world.add_topic("test", R"({"clusterRef":{"name":"demo"},"partitions":3})");
  world.settle();
  Json topic = world.topic("test");
  topic["spec"]["partitions"] = 5;
  topic["spec"]["config"] = {{"no.such.key", 1}};
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_EQ(reason(world.topic("test")), "InvalidConfig");
  EXPECT_EQ(message(world.topic("test")),
            "spec.config: INVALID_CONFIG: Unknown topic config name: no.such.key");
  // Nothing is applied by halves.
  EXPECT_EQ(world.admin.topics.at("test").partitions, 3);
  topic = world.topic("test");
  topic["spec"]["config"] = Json::object();
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.topic("test"), "Ready"));
  EXPECT_EQ(world.admin.topics.at("test").partitions, 5);
}

TEST(ReconcileTopic, OfTwoForOneTopicTheOlderHasIt) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("a", R"({"clusterRef":{"name":"demo"},"topicName":"orders.v1","partitions":3})");
  world.add_topic("b", R"({"clusterRef":{"name":"demo"},"topicName":"orders.v1","partitions":4})");
  world.add_topic("c", R"({"clusterRef":{"name":"demo"},"topicName":"orders_v1"})");
  world.settle();
  EXPECT_TRUE(resources::is_condition_true(world.topic("a"), "Ready"));
  EXPECT_EQ(message(world.topic("b")), "topic orders.v1 is managed by KafkaTopic kafka/a, which is older");
  EXPECT_EQ(message(world.topic("c")),
            "Kafka cannot tell orders_v1 from topic orders.v1 of KafkaTopic kafka/a, which is older");
  // The one that does not have it takes nothing with it.
  world.kube.erase(kube::kKafkaTopicKind, "kafka", "b");
  world.settle();
  EXPECT_TRUE(world.topic("b").is_null());
  EXPECT_EQ(world.admin.topics.at("orders.v1").partitions, 3);
}

TEST(ReconcileTopic, AnInvalidOneCanBeDeleted) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("test", kTopic);
  world.settle();
  Json topic = world.topic("test");
  topic["spec"]["partitions"] = "many";
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_EQ(message(world.topic("test")), "spec.partitions: must be of type integer, but is string");
  EXPECT_EQ(world.admin.topics.at("test").partitions, 3);
  world.kube.erase(kube::kKafkaTopicKind, "kafka", "test");
  world.settle();
  EXPECT_TRUE(world.topic("test").is_null());
  EXPECT_FALSE(world.admin.topics.contains("test"));
}

TEST(ReconcileTopic, ARenamedSpecNeverDeletesTheOldTopic) {
  World world;
  world.add_cluster(kCluster);
  world.add_topic("test", kTopic);
  world.settle();
  Json topic = world.topic("test");
  topic["spec"]["topicName"] = "other";
  world.kube.put(kube::kKafkaTopicKind, topic);
  world.settle();
  EXPECT_EQ(message(world.topic("test")),
            "spec.topicName: topicName cannot be changed (it is test); make another KafkaTopic");
  EXPECT_TRUE(world.admin.topics.contains("test"));
  EXPECT_FALSE(world.admin.topics.contains("other"));
}

// Every step that is written has its row.
TEST(Pipeline, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const auto& row : cluster_pipeline()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
  names.clear();
  for (const auto& row : topic_pipeline()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(PodReadiness, OfAPodThatHasNoConditionsYet) {
  Json pod = {{"metadata", {{"name", "demo-0"}}}};
  EXPECT_FALSE(is_pod_ready(pod));
  pod["status"] = {{"phase", "Pending"}};
  EXPECT_FALSE(is_pod_ready(pod));
  pod["status"]["conditions"] = Json::array({{{"type", "PodScheduled"}, {"status", "True"}}});
  EXPECT_FALSE(is_pod_ready(pod));
  pod["status"]["conditions"].push_back({{"type", "Ready"}, {"status", "True"}});
  EXPECT_TRUE(is_pod_ready(pod));
}

}  // namespace
}  // namespace penstock::reconcile
