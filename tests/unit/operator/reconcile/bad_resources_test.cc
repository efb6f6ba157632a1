// The cases of tests/e2e/bad_resources.json, which an API server refuses: the operator alone refuses them
// too, leaves what runs as it is, and recovers with the fix.
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/resources/validation.h"
#include "tests/unit/operator/reconcile/world.h"

namespace penstock::reconcile {
namespace {

constexpr const char* kGood = R"({"storage":{"size":"1Gi"}})";

Json cases() {
  std::ifstream file(PENSTOCK_SOURCE_DIR "/tests/e2e/bad_resources.json");
  EXPECT_TRUE(file) << "bad_resources.json is missing";
  return Json::parse(file);
}

std::string title(const Json& one) {
  return one["row"].get<std::string>() + " " + one["what"].get<std::string>();
}

Json object_of(const Json& one, const Json& spec) {
  return {{"apiVersion", "penstock.dev/v1alpha1"},
          {"kind", one["kind"]},
          {"metadata", {{"name", one["name"]}, {"namespace", "kafka"}}},
          {"spec", spec}};
}

Json ready_of(const Json& object) { return resources::find_condition(object, "Ready"); }

TEST(BadResources, AreRefusedInTheSamePlacesAsByAnApiServer) {
  int count = 0;
  for (const Json& one : cases()) {
    const Json bad = object_of(one, one["spec"]);
    Json before;
    if (one.contains("before")) before = object_of(one, one["before"]);
    const std::string errors = join(resources::validate(bad, before.is_object() ? &before : nullptr));
    if (one.contains("refused")) {
      ++count;
      EXPECT_NE(errors.find(one["refused"].get<std::string>()), std::string::npos)
          << title(one) << ": " << errors;
    } else {
      EXPECT_EQ(errors, "") << title(one);
    }
    if (before.is_object()) EXPECT_EQ(join(resources::validate(before)), "") << title(one);
    if (one.contains("fix"))
      EXPECT_EQ(join(resources::validate(object_of(one, one["fix"]))), "") << title(one);
  }
  EXPECT_GT(count, 35);
}

// No admission at all: the object is simply there.
TEST(BadResources, LeaveWhatRunsUntouchedAndTheFixRecovers) {
  for (const Json& one : cases()) {
    const bool is_cluster = one["kind"] == "KafkaCluster";
    const std::string name = is_cluster ? "demo" : one["name"];
    const kube::Kind kind = is_cluster ? kube::kKafkaClusterKind : kube::kKafkaTopicKind;
    World world;
    world.add_cluster(kGood);
    Json good = is_cluster ? Json::parse(kGood) : Json{{"clusterRef", {{"name", "demo"}}}};
    good = one.value("fix", one.value("before", good));
    // A class of its own cannot be had by a cluster that is there; the name is that of the running one.
    if (is_cluster && one.contains("before")) world.add_cluster(one["before"].dump().c_str());
    if (one.contains("besides")) world.add_topic("first", one["besides"]["spec"].dump().c_str());
    world.admin.refuse_config = "no.such.config";
    world.admin.refuse_value = "soon";
    if (one.contains("before") && !is_cluster) world.add_topic(name.c_str(), one["before"].dump().c_str());
    world.settle();
    if (one.contains("besides")) good = one["spec"];
    const Json set = world.kube.find(kube::kStatefulSetKind, "kafka", "demo");
    const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-0");
    const auto topics = world.admin.topics.size();
    Json object = world.kube.find(kind, "kafka", name);
    if (object.is_null()) object = object_of(one, one["spec"]);
    object["spec"] = one["spec"];
    // A name cannot be changed: that of a running cluster is never wrong.
    if (is_cluster && one.value("refused", "") == "metadata.name") continue;
    world.kube.put(kind, object);
    world.settle();
    const Json ready = ready_of(world.kube.find(kind, "kafka", name));
    EXPECT_EQ(ready["status"], "False") << title(one);
    EXPECT_EQ(ready["observedGeneration"], world.kube.find(kind, "kafka", name)["metadata"]["generation"]);
    if (one.contains("not_ready")) {
      EXPECT_EQ(ready["reason"], one["not_ready"]["reason"]) << title(one);
      const std::string message = ready["message"];
      EXPECT_NE(message.find(one["not_ready"]["message"].get<std::string>()), std::string::npos) << message;
    }
    EXPECT_EQ(world.kube.find(kube::kStatefulSetKind, "kafka", "demo"), set) << title(one);
    EXPECT_EQ(world.kube.find(kube::kPodKind, "kafka", "demo-0"), pod) << title(one);
    EXPECT_EQ(world.admin.topics.size(), topics) << title(one);
    // These are put right elsewhere, or not at all.
    if (one.contains("besides") || one["row"] == "C14" || one.value("refused", "") == "metadata.name")
      continue;
    object = world.kube.find(kind, "kafka", name);
    object["spec"] = good;
    world.kube.put(kind, object);
    world.settle();
    EXPECT_TRUE(resources::is_condition_true(world.kube.find(kind, "kafka", name), "Ready"))
        << title(one) << ": " << ready_of(world.kube.find(kind, "kafka", name)).dump();
  }
}

// It would end the only broker there is.
TEST(BadResources, AConfigThatTheBrokerCannotReadIsNotRolledOut) {
  World world;
  world.add_cluster(R"({"storage":{"size":"1Gi"},"config":{"log.retention.hours":24}})");
  world.settle();
  const Json pod = world.kube.find(kube::kPodKind, "kafka", "demo-0");
  for (const char* config :
       {R"({"log.retention.hours":"a while"})", R"({"log.retention.hours":"9999999999"})",
        R"({"auto.create.topics.enable":"maybe"})"}) {
    world.edit(kube::kKafkaClusterKind, "demo", (std::string(R"({"config":)") + config + "}").c_str());
    world.settle();
    const Json ready = ready_of(world.cluster());
    EXPECT_EQ(ready["reason"], "InvalidConfig") << config;
    EXPECT_TRUE(ready["message"].get<std::string>().starts_with("spec.config: ")) << ready["message"];
    EXPECT_EQ(world.kube.find(kube::kPodKind, "kafka", "demo-0"), pod);
    world.edit(kube::kKafkaClusterKind, "demo",
               R"({"config":{"log.retention.hours":24,"auto.create.topics.enable":null}})");
    world.settle();
    EXPECT_TRUE(resources::is_condition_true(world.cluster(), "Ready"));
  }
  // A broker that does not run is not asked: the change may be what mends it.
  world.are_pods_ready = false;
  world.edit(kube::kKafkaClusterKind, "demo", R"({"config":{"log.retention.hours":12}})");
  world.settle();
  EXPECT_NE(world.kube.find(kube::kPodKind, "kafka", "demo-0")["metadata"]["uid"], pod["metadata"]["uid"]);
}

// What is too large or too deep for a table.
TEST(BadResources, OfAnySizeAndDepthAreRefused) {
  World world;
  world.add_cluster(kGood);
  world.settle();
  Json nested = "deep";
  for (int i = 0; i < 1000; ++i) nested = Json::object({{"a", std::move(nested)}});
  Json huge = Json::object();
  for (int i = 0; i < 300; ++i) huge["key." + std::to_string(i)] = std::string(5000, 'v');
  for (const Json& config : {nested, huge}) {
    Json cluster = world.cluster();
    cluster["spec"] = Json::parse(kGood);
    cluster["spec"]["config"] = config;
    world.kube.put(kube::kKafkaClusterKind, cluster);
    world.settle();
    const Json ready = ready_of(world.cluster());
    EXPECT_EQ(ready["reason"], "InvalidSpec");
    EXPECT_TRUE(ready["message"].get<std::string>().starts_with("spec.config"));
    EXPECT_LT(ready["message"].get<std::string>().size(), 32768u);
  }
}

}  // namespace
}  // namespace penstock::reconcile
