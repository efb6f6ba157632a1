#include "cli/status_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace penstock::cli {
namespace {

using Json = nlohmann::json;

Json ready(const char* status, const char* reason, const char* message) {
  return {{"type", "Ready"},    {"status", status},        {"reason", reason},
          {"message", message}, {"observedGeneration", 2}, {"lastTransitionTime", "2026-01-02T03:04:05Z"}};
}

Json one_cluster() {
  return {{"items",
           {{{"metadata", {{"name", "demo"}, {"namespace", "default"}, {"generation", 2}}},
             {"spec", {{"replicas", 1}}},
             {"status",
              {{"observedGeneration", 2},
               {"clusterId", "abc"},
               {"bootstrapServers", "demo-bootstrap.default.svc:9092"},
               {"replicas", 1},
               {"readyReplicas", 1},
               {"controllerId", 0},
               {"underReplicatedPartitions", 2},
               {"underMinISRPartitions", 1},
               {"offlinePartitions", 0},
               {"lastFailover", {{"milliseconds", 312}, {"brokerId", 0}, {"time", "2026-01-02T00:00:00Z"}}},
               {"brokers",
                {{{"id", 0},
                  {"pod", "demo-0"},
                  {"ready", true},
                  {"fenced", false},
                  {"address", "127.0.0.2:9092"},
                  {"restarts", 3}}}},
               {"conditions", {ready("True", "Ready", "")}}}}}}}};
}

Json one_pod() {
  return {
      {"items",
       {{{"metadata",
          {{"name", "demo-0"}, {"namespace", "default"}, {"annotations", {{"penstock.dev/pid", "4711"}}}}},
         {"status", {{"phase", "Running"}, {"podIP", "127.0.0.2"}}}}}}};
}

// As the local runtime has it.
Json one_service() {
  return {{"items",
           {{{"metadata", {{"name", "demo-bootstrap"}, {"namespace", "default"}}},
             {"status", {{"loadBalancer", {{"ingress", {{{"hostname", "localhost"}}}}}}}}}}}};
}

Json one_topic() {
  return {{"items",
           {{{"metadata", {{"name", "test"}, {"namespace", "default"}, {"generation", 2}}},
             {"spec", {{"clusterRef", {{"name", "demo"}}}}},
             {"status",
              {{"observedGeneration", 2},
               {"topicName", "test"},
               {"partitions", 3},
               {"replicationFactor", 1},
               {"conditions", {ready("False", "ClusterNotReady", "no broker answers")}}}}}}}};
}

TEST(StatusReport, KnowsEachBrokersProcess) {
  const Json report = status_report(one_cluster(), one_topic(), one_pod(), one_service());
  const Json& broker = report.at("clusters").at(0).at("brokers").at(0);
  EXPECT_EQ(broker, Json({{"id", 0},
                          {"pod", "demo-0"},
                          {"pid", 4711},
                          {"address", "127.0.0.2:9092"},
                          {"phase", "Running"},
                          {"ready", true},
                          {"fenced", false},
                          {"restarts", 3}}));
  EXPECT_EQ(report.at("clusters").at(0).at("ready"), true);
  EXPECT_EQ(report.at("topics").at(0).at("ready"), false);
  EXPECT_EQ(report.at("topics").at(0).at("cluster"), "demo");
}

TEST(StatusReport, TheBootstrapAddressIsTheOneForClientsHere) {
  const auto bootstrap = [](const Json& services) {
    return status_report(one_cluster(), {}, {}, services).at("clusters").at(0).at("bootstrapServers");
  };
  EXPECT_EQ(bootstrap(one_service()), "localhost:9092");
  Json service = one_service();
  Json& ingress = service["items"][0]["status"]["loadBalancer"]["ingress"];
  ingress = {{{"ip", "192.0.2.7"}}};
  EXPECT_EQ(bootstrap(service), "192.0.2.7:9092");
  ingress = Json::array();
  EXPECT_EQ(bootstrap(service), "demo-bootstrap.default.svc:9092") << "a Service within the cluster only";
  service = one_service();
  service["items"][0]["metadata"]["namespace"] = "other";
  EXPECT_EQ(bootstrap(service), "demo-bootstrap.default.svc:9092");
}

TEST(StatusReport, WhatIsNotKnownIsNull) {
  const Json bare = {{"items", {{{"metadata", {{"name", "x"}, {"namespace", "n"}}}}}}};
  const Json report = status_report(bare, bare, Json::object(), Json::object());
  EXPECT_TRUE(report.at("clusters").at(0).at("clusterId").is_null());
  EXPECT_EQ(report.at("clusters").at(0).at("brokers"), Json::array());
  EXPECT_TRUE(report.at("topics").at(0).at("partitions").is_null());
  EXPECT_EQ(status_report(Json::object(), Json::object(), Json::object(), Json::object()),
            Json({{"clusters", Json::array()}, {"topics", Json::array()}}));
}

TEST(StatusReport, AsText) {
  EXPECT_EQ(status_text(status_report(one_cluster(), one_topic(), one_pod(), one_service())),
            R"(KafkaCluster default/demo: Ready
  bootstrap localhost:9092, cluster id abc
  controller 0; partitions: 2 under-replicated, 1 below min ISR, 0 offline; last failover in 312 ms at 2026-01-02T00:00:00Z
  BROKER  POD     PID   ADDRESS         READY  FENCED  PHASE    RESTARTS
  0       demo-0  4711  127.0.0.2:9092  true   false   Running  3

TOPIC  NAMESPACE  CLUSTER  PARTITIONS  RF  READY  STATUS
test   default    demo     3           1   false  ClusterNotReady: no broker answers
)");
}

}  // namespace
}  // namespace penstock::cli
