// The admin ports of the brokers in memory, over the pods that there are: a broker serves when its pod is
// ready.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "operator/reconcile/broker_admin.h"
#include "tests/support/fake_kube.h"

namespace penstock::reconcile {

class FakeBrokerAdmin final : public BrokerAdmin {
 public:
  explicit FakeBrokerAdmin(testing::FakeKube& kube) : kube_(kube) {}

  aio::Task<base::Result<ClusterView>> describe_cluster(AdminPort port) override {
    CO_TRY(check_answers(port));
    ClusterView view = changed;
    view.controller = controller;
    view.is_active_controller = id_of(port) == controller;
    if (!view.is_active_controller) view.last_failover.reset();
    for (const std::int32_t id : registered()) {
      const bool is_fenced = fenced.contains(id) || !is_ready(id);
      view.brokers.push_back({id, epochs[id], is_fenced, false});
    }
    co_return view;
  }
  aio::Task<base::Result<BrokerProcess>> describe_broker(AdminPort port) override {
    CO_TRY(check_answers(port));
    co_return BrokerProcess{id_of(port), epochs[id_of(port)]};
  }
  aio::Task<base::Result<StopAnswer>> reserve_stop(AdminPort port, std::int32_t broker,
                                                   std::string) override {
    CO_TRY(check_controller(port));
    if (!refusal.empty()) co_return StopAnswer{false, refusal};
    for (const std::int32_t id : registered()) {
      if (id != broker && !is_ready(id))
        co_return StopAnswer{false, "broker " + std::to_string(id) + " is fenced"};
    }
    reserved.push_back(broker);
    co_return StopAnswer{true, ""};
  }
  aio::Task<base::Result<>> release_stop(AdminPort port, std::int32_t broker) override {
    CO_TRY(check_controller(port));
    released.push_back(broker);
    co_return base::Result<>();
  }
  aio::Task<base::Result<bool>> report_dead(AdminPort port, BrokerProcess process) override {
    CO_TRY(check_controller(port));
    dead.push_back({process.id, process.epoch});
    co_return true;
  }

  bool is_ready(std::int32_t id) const {
    const Json pod = kube_.find(kube::kPodKind, "kafka", "demo-" + std::to_string(id));
    return pod.is_object() && pod["status"]["conditions"][0]["status"] == "True";
  }

  ClusterView changed;  // Counts and failover as they are to be told.
  std::int32_t controller = 0;
  std::set<std::int32_t> fenced;
  std::set<std::int32_t> gone;  // Pods that were, as long as they are registered.
  std::map<std::int32_t, std::int64_t> epochs;
  std::string refusal;  // Why no stop is granted.
  bool is_silent = false;
  std::vector<std::int32_t> reserved;
  std::vector<std::int32_t> released;
  std::vector<std::pair<std::int32_t, std::int64_t>> dead;

 private:
  using Json = nlohmann::json;

  // World gives pod N the address 10.0.0.(7 + N).
  static std::int32_t id_of(const AdminPort& port) {
    return std::atoi(port.host.c_str() + port.host.rfind('.') + 1) - 7;
  }
  std::set<std::int32_t> registered() const {
    std::set<std::int32_t> ids = gone;
    for (const Json& pod : kube_.all(kube::kPodKind)) {
      const std::string name = pod["metadata"]["name"];
      if (name.starts_with("demo-") && name.find_last_not_of("0123456789") == 4)
        ids.insert(std::atoi(name.c_str() + 5));
    }
    return ids;
  }
  base::Result<> check_answers(const AdminPort& port) const {
    if (kube_.is_dead() || is_silent || !is_ready(id_of(port)))
      return base::fail(base::Errc::kUnavailable, "no answer");
    EXPECT_FALSE(port.token.empty());
    return {};
  }
  base::Result<> check_controller(const AdminPort& port) const {
    TRY(check_answers(port));
    if (id_of(port) != controller) return base::fail(base::Errc::kConflict, "not the active controller");
    return {};
  }

  testing::FakeKube& kube_;
};

}  // namespace penstock::reconcile
