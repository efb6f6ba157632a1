// A Kafka in memory, as the reconcilers ask it. The operator can be killed at any of its changes.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/reconcile/topic_admin.h"
#include "operator/resources/desired.h"
#include "tests/support/fake_kube.h"

namespace penstock::reconcile {

using kube::Json;

class FakeTopicAdmin final : public TopicAdmin, public TopicAdmins {
 public:
  explicit FakeTopicAdmin(testing::FakeKube& kube) : kube_(kube) {}
  std::shared_ptr<TopicAdmin> of(const std::string&, const std::string&) override {
    return std::shared_ptr<TopicAdmin>(std::shared_ptr<void>(), this);
  }
  void forget(const std::string& cluster_key) override { forgotten = cluster_key; }

  // The operator dies at this change, before it or before its answer.
  void fail_after_changes(int count, bool is_done) {
    changes_left_ = count;
    is_last_done_ = is_done;
  }

  aio::Task<base::Result<std::optional<TopicState>>> describe(std::string topic) override {
    CO_TRY(check_answers());
    const auto found = topics.find(topic);
    if (found == topics.end()) co_return std::optional<TopicState>();
    TopicState& state = found->second;
    fill(state);
    state.min_isr = 1;
    for (const Configs* configs : {&defaults, &state.configs}) {
      if (configs->contains("min.insync.replicas"))
        state.min_isr = std::stoi(configs->at("min.insync.replicas"));
    }
    TopicState seen = state;
    for (PartitionState& one : seen.layout) {
      one.adding.clear();
      one.removing.clear();
      seen.replication_factor =
          std::min(seen.replication_factor, static_cast<std::int32_t>(one.replicas.size()));
    }
    co_return std::optional<TopicState>(seen);
  }
  aio::Task<base::Result<TopicState>> create(NewTopic topic) override {
    CO_TRY(check(topic.configs));
    const int count = static_cast<int>(brokers().size());
    if (topic.replication_factor > count) {
      co_return base::fail(
          base::Errc::kInvalidArgument,
          "INVALID_REPLICATION_FACTOR: more replicas than the " + std::to_string(count) + " brokers");
    }
    CO_TRY(begin_change());
    TopicState state{"id-" + topic.name, topic.partitions < 0 ? 1 : topic.partitions,
                     topic.replication_factor < 0 ? std::min(3, count) : topic.replication_factor,
                     topic.configs};
    fill(state);
    topics[topic.name] = state;
    CO_TRY(end_change());
    co_return state;
  }
  aio::Task<base::Result<>> set_partitions(std::string topic, std::int32_t partitions) override {
    CO_TRY(begin_change());
    topics.at(topic).partitions = partitions;
    fill(topics.at(topic));
    co_return end_change();
  }
  aio::Task<base::Result<>> alter_configs(std::string topic, ConfigChanges wanted) override {
    for (const auto& [name, value] : wanted) {
      if (value) CO_TRY(check({{name, *value}}));
    }
    CO_TRY(begin_change());
    alter(topics.at(topic).configs, wanted);
    co_return end_change();
  }
  aio::Task<base::Result<>> remove(std::string topic) override {
    CO_TRY(check_answers());
    if (refuses_removal)
      co_return base::fail(base::Errc::kPermissionDenied, "TOPIC_DELETION_DISABLED: disabled");
    if (!topics.contains(topic)) co_return base::Result<>();
    CO_TRY(begin_change());
    topics.erase(topic);
    co_return end_change();
  }
  aio::Task<base::Result<ConfigTypes>> describe_types(std::int32_t) override {
    CO_TRY(check_answers());
    co_return ConfigTypes{{"log.retention.hours", base::ConfigType::kInt},
                          {"auto.create.topics.enable", base::ConfigType::kBoolean}};
  }
  aio::Task<base::Result<Configs>> describe_defaults() override {
    CO_TRY(check_answers());
    co_return defaults;
  }
  aio::Task<base::Result<>> alter_defaults(ConfigChanges wanted) override {
    CO_TRY(begin_change());
    alter(defaults, wanted);
    co_return end_change();
  }

  aio::Task<base::Result<ClusterLayout>> describe_layout() override {
    CO_TRY(check_answers());
    ClusterLayout layout;
    for (const std::int32_t id : brokers()) layout.brokers.push_back({id, ""});
    for (auto& [name, state] : topics) {
      fill(state);
      layout.topics[name] = state.layout;
    }
    co_return layout;
  }
  aio::Task<base::Result<Moves>> list_moves() override {
    CO_TRY(check_answers());
    Moves moves;
    for (const auto& [name, state] : topics) {
      for (std::size_t i = 0; i < state.layout.size(); ++i) {
        if (state.layout[i].is_moving()) moves[name][static_cast<std::int32_t>(i)] = state.layout[i];
      }
    }
    co_return moves;
  }
  aio::Task<base::Result<>> move(std::vector<PartitionMove> wanted) override {
    CO_TRY(begin_change());
    for (const PartitionMove& one : wanted) {
      TopicState& state = topics.at(one.topic);
      PartitionState& partition = state.layout.at(static_cast<std::size_t>(one.partition));
      const std::vector<std::int32_t> before = partition.replicas;
      partition.adding = without(one.replicas, before);
      partition.removing = without(before, one.replicas);
      partition.replicas = one.replicas;
      partition.replicas.insert(partition.replicas.end(), partition.removing.begin(),
                                partition.removing.end());
      is_unthrottled = is_unthrottled || (!partition.adding.empty() && !is_throttled(state));
    }
    moving_max = std::max(moving_max, count_moving());
    co_return end_change();
  }
  aio::Task<base::Result<std::map<std::string, Configs>>> describe_topic_configs(
      std::vector<std::string> names, std::vector<std::string> keys) override {
    CO_TRY(check_answers());
    std::map<std::string, Configs> found;
    for (const std::string& name : names) {
      for (const auto& [key, value] : topics.at(name).configs) {
        if (std::find(keys.begin(), keys.end(), key) != keys.end()) found[name][key] = value;
      }
    }
    co_return found;
  }
  aio::Task<base::Result<std::map<std::int32_t, Configs>>> describe_broker_configs(
      std::vector<std::int32_t> ids, std::vector<std::string>) override {
    CO_TRY(check_answers());
    std::map<std::int32_t, Configs> found;
    for (const std::int32_t id : ids) found[id] = broker_configs[id];
    co_return found;
  }
  aio::Task<base::Result<>> unregister(std::int32_t broker) override {
    CO_TRY(begin_change());
    unregistered.push_back(broker);
    co_return end_change();
  }
  // The pods that are controllers; those that may join by themselves do.
  aio::Task<base::Result<QuorumState>> describe_quorum() override {
    CO_TRY(check_answers());
    QuorumState state{quorum_leader, 100};
    for (const Json& pod : kube_.all(kube::kPodKind)) {
      const auto id = id_of(pod);
      if (!id) continue;
      const auto roles = resources::read_controller_roles(pod);
      if (*id < roles.controllers && roles.may_join) voters.insert(*id);
      const bool is_behind = behind.contains(*id);
      if (!voters.contains(*id)) state.observers.push_back({*id, directory_of(*id), is_behind ? 90 : 101});
    }
    for (const std::int32_t id : voters) {
      state.voters.push_back({id, directory_of(id), behind.contains(id) ? 90 : 101});
    }
    if (!voters.contains(quorum_leader)) quorum_leader = *voters.begin();
    co_return state;
  }
  aio::Task<base::Result<>> remove_voter(QuorumReplica voter) override {
    EXPECT_EQ(voter.directory, directory_of(voter.id));
    EXPECT_GT(voters.size(), 1u);
    CO_TRY(begin_change());
    voters.erase(voter.id);
    removed_voters.push_back(voter.id);
    co_return end_change();
  }
  aio::Task<base::Result<>> alter_broker_configs(std::int32_t broker, ConfigChanges wanted) override {
    CO_TRY(begin_change());
    alter(broker_configs[broker], wanted);
    co_return end_change();
  }

  // Time passes: what is under way is done, unless `are_moves_stuck`.
  void finish_moves() {
    if (are_moves_stuck) return;
    for (auto& [name, state] : topics) {
      for (PartitionState& one : state.layout) {
        if (!one.is_moving()) continue;
        one.replicas = one.target();
        one.isr = one.replicas;
        one.leader = one.replicas.front();
        one.adding.clear();
        one.removing.clear();
      }
      if (!state.layout.empty()) {
        state.replication_factor = static_cast<std::int32_t>(state.layout.front().replicas.size());
      }
    }
  }
  // The node ids of the pods that there are.
  std::vector<std::int32_t> brokers() const {
    std::vector<std::int32_t> ids;
    for (const Json& pod : kube_.all(kube::kPodKind)) {
      if (const auto id = id_of(pod)) ids.push_back(*id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  std::size_t count_moving() const {
    std::size_t count = 0;
    for (const auto& [name, state] : topics) {
      for (const PartitionState& one : state.layout) count += one.is_moving();
    }
    return count;
  }

  std::map<std::string, TopicState> topics;
  std::map<std::int32_t, Configs> broker_configs;
  std::vector<std::int32_t> unregistered;
  std::set<std::int32_t> voters;
  std::int32_t quorum_leader = 0;
  std::set<std::int32_t> behind;  // In the metadata log.
  std::vector<std::int32_t> removed_voters;
  bool are_moves_stuck = false;
  bool is_unthrottled = false;  // Something was copied without a throttle.
  std::size_t moving_max = 0;
  Configs defaults;
  std::string refuse_config;
  std::string refuse_value;
  std::string forgotten;
  bool refuses_removal = false;
  bool is_silent = false;
  int changes = 0;

 private:
  static std::optional<std::int32_t> id_of(const Json& pod) {
    const std::string name = pod["metadata"]["name"];
    if (!name.starts_with("demo-") || name.find_last_not_of("0123456789") != 4) return std::nullopt;
    return std::atoi(name.c_str() + 5);
  }
  static std::string directory_of(std::int32_t id) { return "directory-" + std::to_string(id); }
  base::Result<> check_answers() {
    if (kube_.is_dead()) return base::fail(base::Errc::kUnavailable, "killed");
    // Other words each time, as real errors have them.
    if (is_silent) return base::fail(base::Errc::kTimedOut, "no answer " + std::to_string(++silences_));
    return {};
  }
  base::Result<> begin_change() {
    TRY(check_answers());
    if (changes_left_ == 1 && !is_last_done_) return die();
    ++changes;
    return {};
  }
  base::Result<> end_change() { return changes_left_ > 0 && --changes_left_ == 0 ? die() : base::Result<>(); }
  base::Result<> die() {
    changes_left_ = -1;
    kube_.kill();
    return base::fail(base::Errc::kUnavailable, "killed");
  }
  base::Result<> check(const Configs& configs) const {
    for (const auto& [name, value] : configs) {
      if (!refuse_value.empty() && value == refuse_value)
        return base::fail(base::Errc::kInvalidArgument,
                          "INVALID_CONFIG: Invalid value " + value + " for " + name);
    }
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

  static std::vector<std::int32_t> without(const std::vector<std::int32_t>& ids,
                                           const std::vector<std::int32_t>& removed) {
    std::vector<std::int32_t> rest;
    for (const std::int32_t id : ids) {
      if (std::find(removed.begin(), removed.end(), id) == removed.end()) rest.push_back(id);
    }
    return rest;
  }
  bool is_throttled(const TopicState& state) const {
    return state.configs.contains("follower.replication.throttled.replicas") &&
           state.configs.contains("leader.replication.throttled.replicas") &&
           broker_configs.contains(brokers().front()) && !broker_configs.at(brokers().front()).empty();
  }
  // The layout of partitions that a test or a call has only counted.
  void fill(TopicState& state) const {
    const std::vector<std::int32_t> ids = brokers();
    while (static_cast<int>(state.layout.size()) < state.partitions) {
      PartitionState one;
      for (int i = 0; i < state.replication_factor; ++i) {
        one.replicas.push_back(ids[(state.layout.size() + static_cast<std::size_t>(i)) % ids.size()]);
      }
      one.isr = one.replicas;
      one.leader = one.replicas.front();
      state.layout.push_back(std::move(one));
    }
  }

  testing::FakeKube& kube_;
  int changes_left_ = -1;
  bool is_last_done_ = false;
  int silences_ = 0;
};

}  // namespace penstock::reconcile
