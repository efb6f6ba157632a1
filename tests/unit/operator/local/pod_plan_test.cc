#include "operator/local/pod_plan.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace penstock::local {
namespace {

Json pod_of(const char* container) {
  return {{"kind", "Pod"},
          {"metadata", {{"name", "demo-0"}, {"namespace", "kafka"}}},
          {"spec", {{"containers", Json::array({Json::parse(container)})}}},
          {"status", {{"podIP", "127.0.0.2"}}}};
}

std::string resolve_none(const std::string&, const std::string&, const std::string&) { return {}; }

// A pod has the machine's loopback here, where other pods and the bootstrap Service are: it must not listen
// there.
TEST(PodPlan, TheListenerOnThePodsLoopbackIsLeftOut) {
  const Store store;
  const auto plan = plan_pod(pod_of(R"json({
      "name": "broker",
      "command": ["true"],
      "args": ["listeners=A://$(POD_IP):9092$(PENSTOCK_LOOPBACK_LISTENER)", "$(OTHER)"],
      "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
              {"name": "PENSTOCK_LOOPBACK_LISTENER", "value": ",LOOPBACK://127.0.0.1:9092"},
              {"name": "OTHER", "value": "kept"}]
})json"),
                             store, HostPaths{"/home", "/bin"}, resolve_none);
  ASSERT_TRUE(plan) << plan.error().what();
  const auto& argv = plan->containers.at(0).argv;
  EXPECT_EQ(argv.at(1), "listeners=A://127.0.0.2:9092");
  EXPECT_EQ(argv.at(2), "kept");
}

}  // namespace
}  // namespace penstock::local
