#include "broker/server/pod_options.h"

#include <gtest/gtest.h>

#include "broker/server/options.h"

namespace penstock::server {
namespace {

base::Properties shared() {
  return {{"process.roles", "broker,controller"},
          {"controller.listener.names", "CONTROLLER"},
          {"controller.quorum.auto.join.enable", "true"},
          {"listeners", "PLAINTEXT://10.0.0.1:9092,CONTROLLER://10.0.0.1:9093,LOOPBACK://127.0.0.1:9092"},
          {"advertised.listeners",
           "PLAINTEXT://demo-2:9092, CONTROLLER://demo-2:9093,LOOPBACK://localhost:9092"}};
}

base::Result<base::Properties> of_pod(const std::string& name, std::int32_t controllers = 3) {
  base::Properties properties = shared();
  TRY(apply_ordinal({name, 100, controllers, {"LOOPBACK"}}, properties));
  return properties;
}

TEST(PodOptions, ALowOrdinalIsAControllerToo) {
  const auto properties = of_pod("demo-2");
  ASSERT_TRUE(properties) << properties.error().what();
  EXPECT_EQ(properties->at("node.id"), "102");
  EXPECT_EQ(properties->at("process.roles"), "broker,controller");
  EXPECT_EQ(properties->at("listeners"), shared()["listeners"]);
  EXPECT_EQ(properties->at("advertised.listeners"),
            "PLAINTEXT://demo-2:9092,CONTROLLER://demo-2:9093,LOOPBACK://localhost:9094");
}

TEST(PodOptions, TheOthersAreBrokersOnlyAndListenToNoController) {
  const auto properties = of_pod("demo-3");
  ASSERT_TRUE(properties) << properties.error().what();
  EXPECT_EQ(properties->at("process.roles"), "broker");
  EXPECT_EQ(properties->at("listeners"), "PLAINTEXT://10.0.0.1:9092,LOOPBACK://127.0.0.1:9092");
  EXPECT_EQ(properties->at("advertised.listeners"), "PLAINTEXT://demo-2:9092,LOOPBACK://localhost:9095");
  EXPECT_FALSE(properties->contains("controller.quorum.auto.join.enable"));
  EXPECT_EQ(of_pod("demo-1", 1)->at("process.roles"), "broker");
}

TEST(PodOptions, RefusesNamesWithoutAnOrdinalAndPortsThatAreNone) {
  for (const char* name : {"demo", "demo-", "demo-x", "demo-1x", "demo-99999999999"}) {
    const auto properties = of_pod(name);
    ASSERT_FALSE(properties) << name;
    EXPECT_NE(properties.error().what().find(name), std::string::npos);
  }
  EXPECT_NE(of_pod("demo-60000").error().what().find("--port-by-ordinal"), std::string::npos);
}

TEST(PodOptions, AreReadFromTheCommandLine) {
  const auto options = parse_options({"--config", "f", "--node-id-from-pod-name=demo-1", "--node-id-base",
                                      "7", "--controllers", "3", "--port-by-ordinal", "LOOPBACK",
                                      "--format-if-empty", "--first-start", "first"});
  ASSERT_TRUE(options) << options.error().what();
  EXPECT_EQ(options->pod.pod_name, "demo-1");
  EXPECT_EQ(options->pod.node_id_base, 7);
  EXPECT_EQ(options->pod.controllers, 3);
  EXPECT_EQ(options->pod.ports_by_ordinal, std::vector<std::string>{"LOOPBACK"});
  EXPECT_EQ(options->format_arguments, (std::vector<std::string>{"--first-start", "first"}));
}

TEST(PodOptions, WithoutAPodNothingChanges) {
  base::Properties properties = shared();
  ASSERT_TRUE(apply_ordinal({std::nullopt, 0, 1, {"LOOPBACK"}}, properties));
  EXPECT_EQ(properties, shared());
}

}  // namespace
}  // namespace penstock::server
