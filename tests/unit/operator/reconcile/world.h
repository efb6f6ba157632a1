// A small world for reconcilers: an API server and a Kafka in memory, and what a StatefulSet controller and a
// garbage collector would do. The operator can be killed at any of its writes, to either of them, and be
// given a view of the past.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/aio/gate.h"
#include "base/log.h"
#include "base/random.h"
#include "operator/reconcile/pipeline.h"
#include "tests/support/fake_kube.h"
#include "tests/unit/operator/reconcile/fake_broker_admin.h"
#include "tests/unit/operator/reconcile/fake_topic_admin.h"

namespace penstock::reconcile {

// The kinds that the operator has a view of.
inline constexpr std::array kViewedKinds = {kube::kKafkaClusterKind,
                                            kube::kKafkaTopicKind,
                                            kube::kStatefulSetKind,
                                            kube::kPodKind,
                                            kube::kServiceKind,
                                            kube::kConfigMapKind,
                                            kube::kServiceAccountKind,
                                            kube::kPersistentVolumeClaimKind,
                                            kube::kPodDisruptionBudgetKind};

// Those that have an owner: the Secret is not viewed, but goes with its cluster.
inline constexpr std::array kOwnedKinds = {kube::kStatefulSetKind,
                                           kube::kPodKind,
                                           kube::kServiceKind,
                                           kube::kConfigMapKind,
                                           kube::kSecretKind,
                                           kube::kServiceAccountKind,
                                           kube::kPersistentVolumeClaimKind,
                                           kube::kPodDisruptionBudgetKind};

class World {
 public:
  World() { base::set_log_level(base::LogLevel::kError); }

  void add_cluster(const char* spec) { kube.put(kube::kKafkaClusterKind, resource("demo", spec)); }
  void add_topic(const char* name, const char* spec) {
    kube.put(kube::kKafkaTopicKind, resource(name, spec));
  }
  Json cluster() const { return kube.find(kube::kKafkaClusterKind, "kafka", "demo"); }
  Json topic(const char* name) const { return kube.find(kube::kKafkaTopicKind, "kafka", name); }

  void edit(kube::Kind kind, const char* name, const char* spec_patch) {
    Json object = kube.find(kind, "kafka", name);
    object["spec"].merge_patch(Json::parse(spec_patch));
    kube.put(kind, object);
  }
  void delete_topic(const char* name) { kube.erase(kube::kKafkaTopicKind, "kafka", name); }
  void delete_cluster() { kube.erase(kube::kKafkaClusterKind, "kafka", "demo"); }
  // As the namespace controller does: everything in it, in an order of its own.
  void delete_namespace() {
    for (const kube::Kind kind : kViewedKinds) {
      for (const Json& object : kube.all(kind)) kube.erase(kind, "kafka", object["metadata"]["name"]);
    }
    kube.erase(kube::kSecretKind, "kafka", "demo-admin");
  }

  // One pass over everything, on a fresh view. Returns how many passes failed.
  int pass() {
    collect_garbage();
    run_stateful_sets();
    for (const std::int32_t id : admin.unregistered) brokers.gone.erase(id);
    admin.finish_moves();
    refresh();
    int failures = 0;
    for (const Json& one : kube.all(kube::kKafkaClusterKind)) failures += !run(one, true);
    refresh();
    for (const Json& one : kube.all(kube::kKafkaTopicKind)) failures += !run(one, false);
    return failures;
  }
  // One pass of an operator whose view is as the world was after `change` of the API server's history.
  void pass_on_old_view(std::size_t change) {
    restart();
    const testing::FakeKube::Objects old = kube.history()[change];
    std::vector<std::pair<bool, Json>> ours;
    for (const kube::Kind kind : kViewedKinds) {
      Json items = Json::array();
      const std::string prefix = std::string(kind.plural) + "/";
      for (const auto& [name, object] : old) {
        if (name.starts_with(prefix)) items.push_back(object);
      }
      store_->of(kind).replace(items);
      if (kind != kube::kKafkaClusterKind && kind != kube::kKafkaTopicKind) continue;
      for (const Json& item : items) ours.emplace_back(kind == kube::kKafkaClusterKind, item);
    }
    for (const auto& [is_cluster, object] : ours) run(object, is_cluster);
    restart();
  }
  // Until a pass changes nothing: all is right, or the operator is dead.
  void settle() {
    for (int i = 0; i < 30; ++i) {
      const int before = kube.writes() + admin.changes;
      pass();
      if (kube.writes() + admin.changes == before) return;
    }
    FAIL() << "never at rest";
  }
  // The operator dies at its k-th write from now: those to the API server, of which there are `writes`, come
  // first.
  void die_at(int k, int writes, bool is_done) {
    if (k <= writes) {
      kube.fail_after_writes(k, is_done);
    } else {
      admin.fail_after_changes(k - writes, is_done);
    }
  }
  // Another operator process: nothing is remembered.
  void restart() {
    store_ = std::make_unique<Store>();
    processes = {};
  }

  // All that counts, without versions, times and random ids.
  std::string summary() const {
    std::string text;
    for (const kube::Kind kind : kViewedKinds) {
      for (Json object : kube.all(kind)) {
        Json meta = object["metadata"];
        text += std::string(kind.plural) + " " + meta["name"].get<std::string>() + " " +
                meta.value("finalizers", Json()).dump();
        if (kind == kube::kKafkaClusterKind || kind == kube::kKafkaTopicKind) {
          text += " " + object["spec"].dump();
          text += " " + std::to_string(object["status"].value("observedGeneration", 0) -
                                       meta["generation"].get<int>());
          for (const Json& condition : object["status"]["conditions"]) {
            text += " " + condition["type"].get<std::string>() + "=" + condition["status"].get<std::string>();
          }
        }
        text += "\n";
      }
    }
    for (const auto& [name, state] : admin.topics) {
      text += "topic " + name + " " + std::to_string(state.partitions) + " " + Json(state.configs).dump();
      for (const PartitionState& one : state.layout) text += " " + Json(one.replicas).dump();
      text += "\n";
    }
    return text + Json(admin.defaults).dump() + Json(admin.broker_configs).dump();
  }

  testing::FakeKube kube;
  FakeTopicAdmin admin{kube};
  FakeBrokerAdmin brokers{kube};
  BrokerProcesses processes;
  std::int64_t now_ms = 1'767'312'000'000;  // As FakeKube::now has it.
  std::string pod_subnet = "10.0.0.";
  bool pods_tell_their_start = false;
  bool are_pods_ready = true;
  std::set<std::string> pods_not_ready;  // By name.

 private:
  static Json resource(const char* name, const char* spec) {
    return {{"metadata", {{"name", name}, {"namespace", "kafka"}}}, {"spec", Json::parse(spec)}};
  }

  void refresh() {
    if (!store_) store_ = std::make_unique<Store>();
    for (const kube::Kind kind : kViewedKinds) {
      Json items = Json::array();
      for (Json& object : kube.all(kind)) items.push_back(std::move(object));
      store_->of(kind).replace(items);
    }
  }

  bool run(const Json& object, bool is_cluster) {
    Deps deps{kube, *store_, admin, brokers, processes, random_, {"localhost/penstock:dev"}};
    bool is_ok = false;
    aio::Gate gate;
    aio::spawn(gate, "pass", run_one(deps, object["metadata"]["name"], is_cluster, now_ms, is_ok));
    EXPECT_EQ(gate.count(), 0u);
    return is_ok;
  }
  static aio::Task<> run_one(Deps& deps, std::string name, bool is_cluster, std::int64_t now_ms,
                             bool& is_ok) {
    if (is_cluster) {
      is_ok = (co_await reconcile_cluster(deps, "kafka", name, now_ms)).has_value();
    } else {
      is_ok = (co_await reconcile_topic(deps, "kafka", name, now_ms)).has_value();
    }
  }

  // What has owners goes when none of them is there any more; pods go with their StatefulSet, and claims too
  // if that says so.
  void collect_garbage() {
    std::set<std::string> uids;
    for (const kube::Kind kind : kViewedKinds) {
      for (const Json& object : kube.all(kind)) uids.insert(object["metadata"]["uid"]);
    }
    for (int round = 0; round < 2; ++round) {
      for (const kube::Kind kind : kOwnedKinds) {
        for (const Json& object : kube.all(kind)) {
          const Json owners = object["metadata"].value("ownerReferences", Json::array());
          const auto is_there = [&uids](const Json& owner) { return uids.contains(owner["uid"]); };
          if (owners.empty() || std::any_of(owners.begin(), owners.end(), is_there)) continue;
          kube.erase(kind, "kafka", object["metadata"]["name"]);
          uids.erase(object["metadata"]["uid"]);
        }
      }
    }
  }

  // Their brokers stay registered.
  void remove_surplus(const Json& set) {
    for (int i = set["spec"]["replicas"];
         kube.find(kube::kPodKind, "kafka", "demo-" + std::to_string(i)).is_object(); ++i) {
      kube.erase(kube::kPodKind, "kafka", "demo-" + std::to_string(i));
      brokers.gone.insert(i);
    }
  }

  // A StatefulSet controller and a kubelet in one: pods exist, are ready, and have their claims.
  void run_stateful_sets() {
    for (Json pod : kube.all(kube::kPodKind)) {
      const bool is_ready = are_pods_ready && !pods_not_ready.contains(pod["metadata"]["name"]);
      pod["status"]["conditions"][0]["status"] = is_ready ? "True" : "False";
      kube.put(kube::kPodKind, std::move(pod));
    }
    for (const Json& set : kube.all(kube::kStatefulSetKind)) {
      remove_surplus(set);
      for (int i = 0; i < set["spec"]["replicas"].get<int>(); ++i) {
        const std::string name = set["metadata"]["name"].get<std::string>() + "-" + std::to_string(i);
        if (kube.find(kube::kPodKind, "kafka", name).is_object()) continue;
        Json claim = set["spec"]["volumeClaimTemplates"][0];
        claim["metadata"]["name"] = "data-" + name;
        claim["metadata"]["namespace"] = "kafka";
        const Json owner = Json::array({Json{{"uid", set["metadata"]["uid"]}}});
        if (set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete") {
          claim["metadata"]["ownerReferences"] = owner;
        }
        if (kube.find(kube::kPersistentVolumeClaimKind, "kafka", "data-" + name).is_null()) {
          kube.put(kube::kPersistentVolumeClaimKind, claim);
        }
        Json pod = set["spec"]["template"];
        pod["metadata"]["name"] = name;
        pod["metadata"]["namespace"] = "kafka";
        pod["metadata"]["ownerReferences"] = owner;
        const char* ready = are_pods_ready && !pods_not_ready.contains(name) ? "True" : "False";
        pod["status"] = {{"podIP", pod_subnet + std::to_string(7 + i)},
                         {"conditions", Json::array({Json{{"type", "Ready"}, {"status", ready}}})}};
        if (pods_tell_their_start) {
          const Json running = {{"startedAt", resources::rfc3339(now_ms)}};
          pod["status"]["containerStatuses"] = Json::array({Json{{"state", {{"running", running}}}}});
        }
        kube.put(kube::kPodKind, pod);
      }
    }
  }

  base::SeededRandom random_{7};
  std::unique_ptr<Store> store_;
};

}  // namespace penstock::reconcile
