#include "operator/resources/validation.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/resources/kafka_cluster.h"
#include "operator/resources/kafka_topic.h"

namespace penstock::resources {
namespace {

Json cluster(const char* spec) {
  return {{"apiVersion", "penstock.dev/v1alpha1"},
          {"kind", "KafkaCluster"},
          {"metadata", {{"name", "demo"}, {"namespace", "kafka"}}},
          {"spec", Json::parse(spec)}};
}

Json topic(const char* spec) {
  return {{"apiVersion", "penstock.dev/v1alpha1"},
          {"kind", "KafkaTopic"},
          {"metadata", {{"name", "orders"}, {"namespace", "kafka"}}},
          {"spec", Json::parse(spec)}};
}

struct BadCase {
  const char* name;
  Json object;
  const char* error;  // The whole text.
};

TEST(Validation, RefusesBadResourcesNamingTheField) {
  const std::string long_name(250, 'a');
  Json nested = "deep";
  for (int i = 0; i < 2000; ++i) nested = Json::array({std::move(nested)});
  Json deep = cluster(R"({"storage":{"size":"1Gi"}})");
  deep["spec"]["config"]["log.dirs"] = nested;
  const BadCase cases[] = {
      {"no spec", {{"kind", "KafkaCluster"}, {"metadata", {{"name", "a"}}}}, "spec: is required"},
      {"null spec", cluster("null"), "spec: must be of type object, but is null"},
      {"empty spec", cluster("{}"), "spec.storage: is required"},
      {"no brokers", cluster(R"({"replicas":0,"storage":{"size":"1Gi"}})"),
       "spec.replicas: must be at least 1, but is 0"},
      {"negative brokers", cluster(R"({"replicas":-1,"storage":{"size":"1Gi"}})"),
       "spec.replicas: must be at least 1, but is -1"},
      {"too many brokers", cluster(R"({"replicas":1000000,"storage":{"size":"1Gi"}})"),
       "spec.replicas: must be at most 100, but is 1000000"},
      {"brokers beyond 64 bits", cluster(R"({"replicas":9223372036854775808,"storage":{"size":"1Gi"}})"),
       "spec.replicas: must be at most 100, but is 9223372036854775808"},
      {"text for a number", cluster(R"({"replicas":"1","storage":{"size":"1Gi"}})"),
       "spec.replicas: must be of type integer, but is string"},
      {"no size", cluster(R"({"storage":{}})"), "spec.storage.size: is required"},
      {"odd size", cluster(R"({"storage":{"size":"10 apples"}})"),
       "spec.storage.size: must be a quantity above zero such as 10Gi"},
      {"zero size", cluster(R"({"storage":{"size":"0"}})"),
       "spec.storage.size: must be a quantity above zero such as 10Gi"},
      {"unknown policy", cluster(R"({"storage":{"size":"1Gi","reclaimPolicy":"Recycle"}})"),
       "spec.storage.reclaimPolicy: must be one of Retain, Delete, but is Recycle"},
      {"min ISR above RF", cluster(R"({"storage":{"size":"1Gi"},"topicDefaults":{"minInSyncReplicas":2}})"),
       "spec: topicDefaults.minInSyncReplicas is larger than replicationFactor (the number of brokers and at "
       "most 3 if not given), so that no produce with acks=all could succeed"},
      {"min ISR above the brokers",
       cluster(R"({"replicas":5,"storage":{"size":"1Gi"},"topicDefaults":{"minInSyncReplicas":4}})"),
       "spec: topicDefaults.minInSyncReplicas is larger than replicationFactor (the number of brokers and at "
       "most 3 if not given), so that no produce with acks=all could succeed"},
      {"RF above brokers", cluster(R"({"storage":{"size":"1Gi"},"topicDefaults":{"replicationFactor":2}})"),
       "spec: topicDefaults.replicationFactor is larger than replicas"},
      {"an operator's key", cluster(R"({"storage":{"size":"1Gi"},"config":{"node.id":7}})"),
       "spec.config: node.id, broker.id, process.roles, log.dir, log.dirs, metadata.log.dir and "
       "inter.broker.listener.name are set by the operator"},
      {"listeners", cluster(R"({"storage":{"size":"1Gi"},"config":{"listeners":"PLAINTEXT://:1"}})"),
       "spec.config: properties that start with listener, advertised., controller. or penstock. are set by "
       "the "
       "operator"},
      {"a line break", cluster(R"({"storage":{"size":"1Gi"},"config":{"a":"b\nnode.id=3"}})"),
       "spec.config.a: must match ^[^\\n\\r]*$, but is \"b\nnode.id=3\""},
      {"a line break in a key", cluster(R"({"storage":{"size":"1Gi"},"config":{"a\nb":"c"}})"),
       "spec.config: a key has characters that no Kafka property has"},
      {"a typed key", cluster(R"({"storage":{"size":"1Gi"},"config":{"num.partitions":3}})"),
       "spec.config: use spec.topicDefaults for num.partitions, default.replication.factor and "
       "min.insync.replicas"},
      {"a bare boolean",
       cluster(R"({"storage":{"size":"1Gi"},"config":{"auto.create.topics.enable":false}})"),
       "spec.config.auto.create.topics.enable: must be text or an integer, but is boolean: put it in quotes"},
      {"deep nesting", deep, "spec.config.log.dirs: must be text or an integer, but is array"},
      {"no cluster", topic(R"({})"), "spec.clusterRef: is required"},
      {"an empty cluster name", topic(R"({"clusterRef":{"name":""}})"),
       "spec.clusterRef.name: must not be empty"},
      {"no partitions", topic(R"({"clusterRef":{"name":"a"},"partitions":0})"),
       "spec.partitions: must be at least 1, but is 0"},
      {"a billion partitions", topic(R"({"clusterRef":{"name":"a"},"partitions":1000000000})"),
       "spec.partitions: must be at most 10000, but is 1000000000"},
      {"RF beyond 16 bits", topic(R"({"clusterRef":{"name":"a"},"replicationFactor":40000})"),
       "spec.replicationFactor: must be at most 32767, but is 40000"},
      {"dots", topic(R"({"clusterRef":{"name":"a"},"topicName":".."})"),
       "spec.topicName: a topic cannot be named . or .."},
      {"a slash", topic(R"({"clusterRef":{"name":"a"},"topicName":"a/b"})"),
       "spec.topicName: must match ^[a-zA-Z0-9._-]+$, but is \"a/b\""},
      {"an internal topic", topic(R"({"clusterRef":{"name":"a"},"topicName":"__consumer_offsets"})"),
       "spec.topicName: internal topics of Kafka cannot be managed by a KafkaTopic"},
      {"topic min ISR above RF",
       topic(R"({"clusterRef":{"name":"a"},"replicationFactor":1,"minInSyncReplicas":2})"),
       "spec: minInSyncReplicas is larger than replicationFactor, so that no produce with acks=all could "
       "succeed"},
      {"a typed topic key", topic(R"({"clusterRef":{"name":"a"},"config":{"min.insync.replicas":1}})"),
       "spec.config: use spec.minInSyncReplicas for min.insync.replicas"},
      {"two wrong fields", topic(R"({"clusterRef":{"name":"a"},"partitions":0,"replicationFactor":0})"),
       "spec.partitions: must be at least 1, but is 0; spec.replicationFactor: must be at least 1, but is 0"},
  };
  for (const BadCase& bad : cases) EXPECT_EQ(join(validate(bad.object)), bad.error) << bad.name;
  Json long_topic = topic(R"({"clusterRef":{"name":"a"}})");
  long_topic["spec"]["topicName"] = long_name;
  EXPECT_EQ(join(validate(long_topic)), "spec.topicName: must be at most 249 characters, but has 250");
  Json many = topic(R"({"clusterRef":{"name":"a"}})");
  for (int i = 0; i < 101; ++i) many["spec"]["config"]["k" + std::to_string(i)] = "v";
  EXPECT_EQ(join(validate(many)), "spec.config: has more than 100 entries");
}

TEST(Validation, ComparesWithWhatIsStored) {
  const Json six = topic(R"({"clusterRef":{"name":"a"},"partitions":6})");
  const Json three = topic(R"({"clusterRef":{"name":"a"},"partitions":3})");
  EXPECT_EQ(join(validate(three, &six)), "spec.partitions: the number of partitions cannot be lowered");
  EXPECT_EQ(join(validate(six, &three)), "");
  const Json other = topic(R"({"clusterRef":{"name":"b"},"partitions":6,"topicName":"x"})");
  EXPECT_EQ(join(validate(other, &six)),
            "spec.clusterRef: clusterRef cannot be changed; make another KafkaTopic; spec: topicName cannot "
            "be changed; "
            "make another KafkaTopic");
  const Json big = cluster(R"({"storage":{"size":"10Gi","storageClassName":"fast"}})");
  const Json same = cluster(R"({"storage":{"size":"10240Mi","storageClassName":"fast"}})");
  const Json small = cluster(R"({"storage":{"size":"9Gi","storageClassName":"slow"}})");
  const Json none = cluster(R"({"storage":{"size":"10Gi"}})");
  EXPECT_EQ(join(validate(same, &big)), "");
  EXPECT_EQ(join(validate(small, &big)),
            "spec.storage.size: a volume cannot shrink; keep the size or raise it; "
            "spec.storage.storageClassName: the "
            "storage class cannot be changed after creation");
  EXPECT_EQ(join(validate(none, &big)),
            "spec: storage.storageClassName cannot be added or removed after creation");
}

TEST(Validation, RefusesNamesThatCannotBeHostNames) {
  Json object = cluster(R"({"storage":{"size":"1Gi"}})");
  object["metadata"]["name"] = std::string(41, 'a');
  EXPECT_EQ(join(validate(object)), "metadata.name: must be at most 40 characters, but has 41");
  // Services must begin with a letter.
  for (const std::string name : {"Demo", "1demo", "demo-", "a.b", "-a", "a_b"}) {
    object["metadata"]["name"] = name;
    EXPECT_EQ(join(validate(object)),
              "metadata.name: must match ^[a-z]([-a-z0-9]*[a-z0-9])?$, but is \"" + name + "\"");
  }
  for (const char* name : {"a", "demo", "a-1"}) {
    object["metadata"]["name"] = name;
    EXPECT_EQ(join(validate(object)), "");
  }
  Json topics = topic(R"({"clusterRef":{"name":"a"}})");
  topics["metadata"]["name"] = "Orders";
  EXPECT_EQ(join(validate(topics)),
            "metadata.name: must be lower case letters, digits, '-' and '.', but is \"Orders\"");
  topics["metadata"]["name"] = std::string(250, 'a');
  EXPECT_EQ(join(validate(topics)), "metadata.name: must be at most 249 characters, but has 250");
  topics["metadata"].erase("name");
  EXPECT_EQ(join(validate(topics)), "metadata.name: is required");
}

TEST(Validation, ComparesRequestsWithLimits) {
  const auto with = [](const char* resources) {
    Json object = cluster(R"({"storage":{"size":"1Gi"}})");
    object["spec"]["podTemplate"]["resources"] = Json::parse(resources);
    return join(validate(object));
  };
  EXPECT_EQ(with(R"({"requests":{"cpu":1,"memory":"1Gi"},"limits":{"cpu":"1000m","memory":"1Gi"}})"), "");
  EXPECT_EQ(with(R"({"requests":{"memory":"2Gi"},"limits":{"memory":"1Gi"}})"),
            "spec.podTemplate.resources.requests.memory: is more than the limit");
  EXPECT_EQ(
      with(R"({"limits":{"memory":"10 apples"}})"),
      "spec.podTemplate.resources.limits.memory: must be a quantity such as 500m or 1Gi, but is 10 apples");
  EXPECT_EQ(with(R"({"requests":{"cpu":-1}})"),
            "spec.podTemplate.resources.requests.cpu: must be a quantity such as 500m or 1Gi, but is -1");
}

TEST(Validation, NormalizeAddsDefaultsAndDropsUnknownFields) {
  Json object = cluster(R"({"storage":{"size":"1Gi","colour":"red"},"flux":1})");
  EXPECT_EQ(normalize(object), (std::vector<std::string>{"spec.flux", "spec.storage.colour"}));
  EXPECT_EQ(
      object["spec"],
      Json::parse(
          R"({"replicas":1,"voters":3,"suspend":false,"storage":{"size":"1Gi","reclaimPolicy":"Retain"}})"));
  EXPECT_EQ(object["status"]["conditions"][0]["reason"], "Pending");
  const Json once = object;
  EXPECT_TRUE(normalize(object).empty());
  EXPECT_EQ(object, once);
}

TEST(KafkaCluster, ReadsEveryField) {
  auto parsed = KafkaCluster::parse(cluster(R"({"image":{"reference":"r/p:1","pullPolicy":"Never"},
      "storage":{"size":"1Gi","storageClassName":"fast","reclaimPolicy":"Delete"},
      "topicDefaults":{"partitions":3,"replicationFactor":1,"minInSyncReplicas":1},
      "config":{"log.retention.hours":24,"compression.type":"zstd"},
      "podTemplate":{"resources":{"limits":{"memory":"1Gi"}}},"suspend":true})"));
  ASSERT_TRUE(parsed) << parsed.error().what();
  EXPECT_EQ(parsed->image, "r/p:1");
  EXPECT_EQ(parsed->image_pull_policy, "Never");
  EXPECT_EQ(parsed->storage.storage_class_name, "fast");
  EXPECT_TRUE(parsed->storage.delete_with_cluster);
  EXPECT_EQ(parsed->topic_defaults.partitions, 3);
  EXPECT_EQ(parsed->config.at("log.retention.hours"), "24");
  EXPECT_EQ(parsed->resources_json, R"({"limits":{"memory":"1Gi"}})");
  EXPECT_TRUE(parsed->is_suspended);
}

TEST(KafkaTopic, TakesItsNameFromTheResource) {
  auto parsed = KafkaTopic::parse(
      topic(R"({"clusterRef":{"name":"demo"},"minInSyncReplicas":2,"config":{"retention.ms":5},
      "deletionPolicy":"Retain"})"));
  ASSERT_TRUE(parsed) << parsed.error().what();
  EXPECT_EQ(parsed->topic_name, "orders");
  EXPECT_EQ(parsed->config,
            (std::map<std::string, std::string>{{"min.insync.replicas", "2"}, {"retention.ms", "5"}}));
  EXPECT_TRUE(parsed->is_retained);
  EXPECT_FALSE(parsed->partitions.has_value());
}

}  // namespace
}  // namespace penstock::resources
