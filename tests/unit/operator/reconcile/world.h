// A small world for reconcilers: an API server and a Kafka in memory, and what a StatefulSet controller and a
// garbage collector would do.
#pragma once

#include <map>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/aio/gate.h"
#include "base/log.h"
#include "base/random.h"
#include "operator/reconcile/pipeline.h"
#include "tests/support/fake_kube.h"

namespace penstock::reconcile {

class FakeTopicAdmin final : public TopicAdmin, public TopicAdmins {
 public:
  TopicAdmin& of(const std::string&, const std::string&) override { return *this; }

  aio::Task<base::Result<std::optional<TopicState>>> describe(std::string topic) override {
    const auto found = topics.find(topic);
    if (found == topics.end()) co_return std::optional<TopicState>();
    co_return std::optional<TopicState>(found->second);
  }
  aio::Task<base::Result<TopicState>> create(NewTopic topic) override {
    CO_TRY(check(topic.configs));
    ++changes;
    TopicState state{"id-" + topic.name, topic.partitions < 0 ? 1 : topic.partitions,
                     topic.replication_factor < 0 ? 1 : topic.replication_factor, topic.configs};
    topics[topic.name] = state;
    co_return state;
  }
  aio::Task<base::Result<>> set_partitions(std::string topic, std::int32_t partitions) override {
    ++changes;
    topics.at(topic).partitions = partitions;
    co_return base::Result<>();
  }
  aio::Task<base::Result<>> alter_configs(std::string topic, ConfigChanges wanted) override {
    for (const auto& [name, value] : wanted) {
      if (value) CO_TRY(check({{name, *value}}));
    }
    ++changes;
    alter(topics.at(topic).configs, wanted);
    co_return base::Result<>();
  }
  aio::Task<base::Result<>> remove(std::string topic) override {
    changes += static_cast<int>(topics.erase(topic));
    co_return base::Result<>();
  }
  aio::Task<base::Result<Configs>> describe_defaults() override { co_return defaults; }
  aio::Task<base::Result<>> alter_defaults(ConfigChanges wanted) override {
    ++changes;
    alter(defaults, wanted);
    co_return base::Result<>();
  }

  std::map<std::string, TopicState> topics;
  Configs defaults;
  std::string refuse_config;
  int changes = 0;

 private:
  base::Result<> check(const Configs& configs) const {
    if (refuse_config.empty() || !configs.contains(refuse_config)) return {};
    return base::fail(base::Errc::kInvalidArgument,
                      "INVALID_CONFIG: Unknown topic config name: " + refuse_config);
  }
  static void alter(Configs& configs, const ConfigChanges& wanted) {
    for (const auto& [name, value] : wanted) {
      if (value) configs[name] = *value;
      if (!value) configs.erase(name);
    }
  }
};

class World {
 public:
  World() { base::set_log_level(base::LogLevel::kError); }

  void add_cluster(const char* spec) { kube.put(kube::kKafkaClusterKind, resource("demo", spec)); }
  void add_topic(const char* name, const char* spec) {
    kube.put(kube::kKafkaTopicKind, resource(name, spec));
  }
  Json cluster() const { return kube.find(kube::kKafkaClusterKind, "kafka", "demo"); }
  Json topic(const char* name) const { return kube.find(kube::kKafkaTopicKind, "kafka", name); }

  // The cluster and, as the garbage collector does, everything that it owns.
  void delete_cluster() {
    const Json uid = cluster()["metadata"]["uid"];
    kube.erase(kube::kKafkaClusterKind, "kafka", "demo");
    for (const kube::Kind kind : {kube::kStatefulSetKind, kube::kServiceKind, kube::kConfigMapKind,
                                  kube::kServiceAccountKind, kube::kPodDisruptionBudgetKind}) {
      for (const Json& object : kube.all(kind)) {
        const Json owners = object["metadata"].value("ownerReferences", Json::array());
        if (!owners.empty() && owners[0]["uid"] == uid) {
          kube.erase(kind, "kafka", object["metadata"]["name"]);
        }
      }
    }
    if (kube.all(kube::kStatefulSetKind).empty()) {
      for (const Json& pod : kube.all(kube::kPodKind))
        kube.erase(kube::kPodKind, "kafka", pod["metadata"]["name"]);
    }
  }

  // One pass over everything, on a fresh view. Returns how many passes failed.
  int pass() {
    run_stateful_sets();
    refresh();
    int failures = 0;
    for (const Json& one : kube.all(kube::kKafkaClusterKind)) failures += !run(one, true);
    refresh();
    for (const Json& one : kube.all(kube::kKafkaTopicKind)) failures += !run(one, false);
    return failures;
  }
  // Until a pass changes nothing: all is right, or the operator is dead.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      const int before = kube.writes() + admin.changes;
      pass();
      if (kube.writes() + admin.changes == before) return;
    }
    FAIL() << "never at rest";
  }
  // Another operator process: nothing is remembered.
  void restart() { store_ = std::make_unique<Store>(); }

  // All that counts, without versions, times and random ids.
  std::string summary() const {
    std::string text;
    for (const kube::Kind kind :
         {kube::kKafkaClusterKind, kube::kKafkaTopicKind, kube::kStatefulSetKind, kube::kPodKind,
          kube::kServiceKind, kube::kConfigMapKind, kube::kServiceAccountKind,
          kube::kPersistentVolumeClaimKind, kube::kPodDisruptionBudgetKind}) {
      for (Json object : kube.all(kind)) {
        Json meta = object["metadata"];
        text += std::string(kind.plural) + " " + meta["name"].get<std::string>() + " " +
                meta.value("finalizers", Json()).dump();
        if (kind == kube::kKafkaClusterKind || kind == kube::kKafkaTopicKind) {
          text += " " + object["spec"].dump();
          for (const Json& condition : object["status"]["conditions"]) {
            text += " " + condition["type"].get<std::string>() + "=" + condition["status"].get<std::string>();
          }
        }
        text += "\n";
      }
    }
    for (const auto& [name, state] : admin.topics) {
      text +=
          "topic " + name + " " + std::to_string(state.partitions) + " " + Json(state.configs).dump() + "\n";
    }
    return text + Json(admin.defaults).dump();
  }

  testing::FakeKube kube;
  FakeTopicAdmin admin;

 private:
  static Json resource(const char* name, const char* spec) {
    return {{"metadata", {{"name", name}, {"namespace", "kafka"}}}, {"spec", Json::parse(spec)}};
  }

  void refresh() {
    if (!store_) store_ = std::make_unique<Store>();
    for (const kube::Kind kind :
         {kube::kKafkaClusterKind, kube::kKafkaTopicKind, kube::kStatefulSetKind, kube::kPodKind,
          kube::kServiceKind, kube::kConfigMapKind, kube::kServiceAccountKind,
          kube::kPersistentVolumeClaimKind, kube::kPodDisruptionBudgetKind}) {
      Json items = Json::array();
      for (Json& object : kube.all(kind)) items.push_back(std::move(object));
      store_->of(kind).replace(items);
    }
  }

  bool run(const Json& object, bool is_cluster) {
    Deps deps{kube, *store_, admin, random_, {"localhost/penstock:dev"}};
    bool is_ok = false;
    aio::Gate gate;
    aio::spawn(gate, "pass", run_one(deps, object["metadata"]["name"], is_cluster, is_ok));
    EXPECT_EQ(gate.count(), 0u);
    return is_ok;
  }
  static aio::Task<> run_one(Deps& deps, std::string name, bool is_cluster, bool& is_ok) {
    if (is_cluster) {
      is_ok = (co_await reconcile_cluster(deps, "kafka", name, 1'700'000'000'000)).has_value();
    } else {
      is_ok = (co_await reconcile_topic(deps, "kafka", name, 1'700'000'000'000)).has_value();
    }
  }

  // A StatefulSet controller and a kubelet in one: pods exist, are ready, and have their claims.
  void run_stateful_sets() {
    for (const Json& set : kube.all(kube::kStatefulSetKind)) {
      for (int i = 0; i < set["spec"]["replicas"].get<int>(); ++i) {
        const std::string name = set["metadata"]["name"].get<std::string>() + "-" + std::to_string(i);
        if (kube.find(kube::kPodKind, "kafka", name).is_object()) continue;
        Json claim = set["spec"]["volumeClaimTemplates"][0];
        claim["metadata"]["name"] = "data-" + name;
        claim["metadata"]["namespace"] = "kafka";
        if (kube.find(kube::kPersistentVolumeClaimKind, "kafka", "data-" + name).is_null()) {
          kube.put(kube::kPersistentVolumeClaimKind, claim);
        }
        Json pod = set["spec"]["template"];
        pod["metadata"]["name"] = name;
        pod["metadata"]["namespace"] = "kafka";
        pod["status"] = {{"podIP", "10.0.0.7"},
                         {"conditions", Json::array({Json{{"type", "Ready"}, {"status", "True"}}})}};
        kube.put(kube::kPodKind, pod);
      }
    }
  }

  base::SeededRandom random_{7};
  std::unique_ptr<Store> store_;
};

}  // namespace penstock::reconcile
