#include "cli/forwards.h"

#include <sched.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/child_process.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::json;

TEST(Forwards, EachBrokerHasThePortThatItTells) {
  const Json cluster = Json::parse(R"({"metadata":{"name":"demo"},"status":{"brokers":[
      {"id":100,"pod":"demo-0"},{"id":102,"pod":"demo-2"},{"id":103},{"id":110,"pod":"demo-10"}]}})");
  const auto forwards = forwards_of(cluster);
  ASSERT_TRUE(forwards);
  EXPECT_EQ(*forwards, (std::map<int, std::string>{{9092, "demo-0"}, {9094, "demo-2"}, {9102, "demo-10"}}));
  EXPECT_EQ(forwards_of(Json::parse(R"({"metadata":{"name":"demo"}})")).error().what(),
            "KafkaCluster demo has no brokers yet");
}

TEST(Forwards, KubectlIsToldWhereAndWhich) {
  EXPECT_EQ(
      kubectl_arguments({"", "kafka", "demo-1", 9093}),
      (std::vector<std::string>{"kubectl", "--namespace=kafka", "port-forward", "pod/demo-1", "9093:9092"}));
  EXPECT_EQ(kubectl_arguments({"f", "kafka", "demo-1", 9093})[1], "--kubeconfig=f");
}

int wait_for(ChildProcess& child) {
  while (child.is_running()) ::sched_yield();
  return child.exit_status();
}

TEST(ChildProcess, TellsHowItEndedAndEndsWithItsObject) {
  auto seven = ChildProcess::start({"sh", "-c", "exit 7"});
  ASSERT_TRUE(seven);
  EXPECT_EQ(wait_for(*seven), 7);
  auto missing = ChildProcess::start({"there-is-no-such-program"});
  ASSERT_TRUE(missing);
  EXPECT_EQ(wait_for(*missing), 127);
  auto sleeper = ChildProcess::start({"sleep", "1000"});
  ASSERT_TRUE(sleeper);
  EXPECT_TRUE(sleeper->is_running());
  // Ends the one before.
  *sleeper = std::move(*seven);
  EXPECT_FALSE(sleeper->is_running());
}

}  // namespace
}  // namespace penstock::cli
