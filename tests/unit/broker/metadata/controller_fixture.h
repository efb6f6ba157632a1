// A controller without a log: what it decides is written to bytes, read back and replayed at once.
//
// Threads: a test's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/features.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

class ControllerFixture : public testing::Test {
 protected:
  explicit ControllerFixture(ControllerOptions options = ControllerFixture::options())
      : random_(1), controller_(std::move(options), random_) {
    ImageBuilder empty;
    controller_.activate(empty, now_);
    kafka::FeatureLevelRecord level;
    level.name = kMetadataVersion;
    level.feature_level = kMetadataVersionLevel;
    apply(controller_.activation_records({level}));
  }
  static ControllerOptions options() {
    ControllerOptions options;
    options.self = kafka::NodeId(1);
    options.cluster_id = "cluster";
    options.leader_balance_interval = base::seconds(300);
    return options;
  }
  // Through bytes and back, as the log would have it.
  void apply(const Records& records) {
    for (const Record& record : records) {
      const auto decoded = decode_record(encode_record(record));
      ASSERT_TRUE(decoded.has_value()) << decoded.error().what();
      const auto replayed = controller_.replay(*decoded);
      ASSERT_TRUE(replayed.has_value()) << replayed.error().what();
      ++next_offset_;
    }
  }
  kafka::BrokerRegistrationRequest registration(std::int32_t id, std::uint64_t incarnation) {
    kafka::BrokerRegistrationRequest request;
    request.broker_id = id;
    request.cluster_id = "cluster";
    request.incarnation_id = {1, incarnation};
    request.log_dirs = {{7, static_cast<std::uint64_t>(id + 1000)}};
    kafka::BrokerRegistrationRequest::Feature feature;
    feature.name = kMetadataVersion;
    feature.min_supported_version = 7;
    feature.max_supported_version = 30;
    request.features.push_back(feature);
    feature.name = kElrVersion;
    feature.min_supported_version = 0;
    feature.max_supported_version = 1;
    request.features.push_back(feature);
    return request;
  }
  // `previous_epoch` is what a clean stop has left behind.
  std::int64_t register_broker(std::int32_t id, std::uint64_t incarnation = 1,
                               std::int64_t previous_epoch = -1) {
    auto request = registration(id, incarnation);
    request.previous_broker_epoch = previous_epoch;
    auto decision = controller_.register_broker(request, at());
    EXPECT_EQ(decision.response.error_code, 0);
    apply(decision.records);
    return decision.response.broker_epoch;
  }
  kafka::BrokerHeartbeatResponse beat(std::int32_t id, std::int64_t epoch, bool want_shut_down = false,
                                      std::vector<base::Uuid> lost_directories = {}) {
    kafka::BrokerHeartbeatRequest request;
    request.broker_id = id;
    request.broker_epoch = epoch;
    request.current_metadata_offset = next_offset_ - 1;
    request.want_shut_down = want_shut_down;
    request.offline_log_dirs = std::move(lost_directories);
    auto decision = controller_.broker_heartbeat(request, at());
    apply(decision.records);
    return decision.response;
  }
  kafka::CreateTopicsResponse::CreatableTopicResult create(const std::string& name,
                                                           std::int32_t partitions = 1,
                                                           std::int16_t replicas = 1) {
    kafka::CreateTopicsRequest request;
    kafka::CreateTopicsRequest::CreatableTopic topic;
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    request.topics.push_back(topic);
    auto decision = controller_.create_topics(request);
    apply(decision.records);
    return decision.response.topics.at(0);
  }
  // In service, each with one replica directory; the epochs by broker.
  std::map<std::int32_t, std::int64_t> start_brokers(std::int32_t count) {
    std::map<std::int32_t, std::int64_t> epochs;
    for (std::int32_t id = 1; id <= count; ++id) {
      epochs[id] = register_broker(id);
      beat(id, epochs[id]);
    }
    return epochs;
  }
  // One partition on these replicas.
  void create_on(const std::string& name, const std::vector<std::int32_t>& replicas,
                 const std::map<std::string, std::string>& configs = {}) {
    kafka::CreateTopicsRequest request;
    kafka::CreateTopicsRequest::CreatableTopic topic;
    topic.name = name;
    topic.num_partitions = -1;
    topic.replication_factor = -1;
    kafka::CreateTopicsRequest::CreatableReplicaAssignment assignment;
    assignment.partition_index = 0;
    assignment.broker_ids = replicas;
    topic.assignments.push_back(assignment);
    for (const auto& [key, value] : configs) {
      kafka::CreateTopicsRequest::CreatableTopicConfig config;
      config.name = key;
      config.value = value;
      topic.configs.push_back(config);
    }
    request.topics.push_back(topic);
    auto decision = controller_.create_topics(request);
    ASSERT_EQ(decision.response.topics.at(0).error_code, 0);
    apply(decision.records);
  }
  kafka::UpdateFeaturesResponse set_feature(std::string_view name, std::int16_t level,
                                            std::int8_t upgrade_type = 1, bool is_dry = false) {
    kafka::UpdateFeaturesRequest request;
    request.validate_only = is_dry;
    kafka::UpdateFeaturesRequest::FeatureUpdateKey update;
    update.feature = name;
    update.max_version_level = level;
    update.upgrade_type = upgrade_type;
    request.feature_updates.push_back(update);
    auto decision = controller_.update_features(request);
    apply(decision.records);
    return decision.response;
  }
  std::int16_t set_config(const Resource& resource, const std::string& name,
                          const std::optional<std::string>& value) {
    kafka::IncrementalAlterConfigsRequest request;
    kafka::IncrementalAlterConfigsRequest::AlterConfigsResource asked;
    asked.resource_type = static_cast<std::int8_t>(resource.type);
    asked.resource_name = resource.name;
    kafka::IncrementalAlterConfigsRequest::AlterableConfig config;
    config.name = name;
    config.config_operation = value ? 0 : 1;
    config.value = value;
    asked.configs.push_back(config);
    request.resources.push_back(asked);
    auto decision = controller_.incremental_alter_configs(request);
    apply(decision.records);
    return decision.response.responses.at(0).error_code;
  }
  // The leader of partition 0 asks for this ISR, with what it knows; an error code.
  ErrorCode alter_isr(const std::string& name, const std::vector<std::int32_t>& isr,
                      const std::map<std::int32_t, std::int64_t>& epochs) {
    const Partition& now = partition(name);
    kafka::AlterPartitionRequest request;
    request.broker_id = now.leader;
    request.broker_epoch = epochs.at(now.leader);
    auto& topic = request.topics.emplace_back();
    topic.topic_id = controller_.image().topic(name)->id;
    auto& ask = topic.partitions.emplace_back();
    ask.leader_epoch = now.leader_epoch;
    ask.partition_epoch = now.partition_epoch;
    for (const std::int32_t id : isr) {
      auto& state = ask.new_isr_with_epochs.emplace_back();
      state.broker_id = id;
      state.broker_epoch = epochs.at(id);
    }
    auto decision = controller_.alter_partition(request);
    apply(decision.records);
    if (decision.response.error_code != 0) return static_cast<ErrorCode>(decision.response.error_code);
    return static_cast<ErrorCode>(decision.response.topics.at(0).partitions.at(0).error_code);
  }
  // Nothing was heard of the broker for a session time, of the others just now.
  void fall_silent(std::int32_t silent, const std::map<std::int32_t, std::int64_t>& epochs) {
    now_ += base::seconds(8);
    for (const auto& [id, epoch] : epochs) {
      const auto* broker = controller_.image().broker(kafka::NodeId(id));
      if (id != silent && broker != nullptr && !broker->is_fenced) beat(id, epoch);
    }
    now_ += base::seconds(2);
    apply(controller_.due_work(now_).records);
  }
  At at() const { return {now_, kafka::Offset(next_offset_)}; }
  const Partition& partition(const std::string& topic, std::int32_t index = 0) {
    return *controller_.image().topic(topic)->partition(kafka::PartitionId(index));
  }

  base::SeededRandom random_;
  base::MonoTime now_{};
  std::int64_t next_offset_ = 0;
  Controller controller_;
};

}  // namespace penstock::metadata
