#include "operator/reconcile/kafka_topic_admin.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "kafka/error_codes.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/describe_configs_request.h"
#include "kafka/messages/describe_configs_response.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"
#include "operator/reconcile/kafka_answers.h"
#include "operator/reconcile/kafka_layout.h"

namespace penstock::reconcile {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using kafka::ErrorCode;

constexpr std::int32_t kServerTimeoutMs = 2500;
constexpr std::int8_t kSourceDynamicBroker = 2;
constexpr std::int8_t kSourceDynamicDefaultBroker = 3;

kafka::AdminClientOptions options_for(std::vector<kafka::Endpoint> bootstrap) {
  kafka::AdminClientOptions options;
  options.bootstrap = std::move(bootstrap);
  options.client_id = "penstock-operator";
  // Short: the pass is tried again anyway, and a status that says what is wrong should not wait.
  options.call_timeout = base::seconds(4);
  options.request_timeout = base::seconds(3);
  options.connect_timeout = base::seconds(2);
  return options;
}

// Those that are set at one of the places where a config may be.
Configs set_at(std::int8_t source, const kafka::DescribeConfigsResponse::DescribeConfigsResult& result) {
  Configs configs;
  for (const auto& row : result.configs) {
    if (row.config_source == source && row.value) configs[row.name] = *row.value;
  }
  return configs;
}

}  // namespace

KafkaTopicAdmin::KafkaTopicAdmin(aio::Reactor& reactor, aio::Transport& transport, base::Random& random,
                                 std::vector<kafka::Endpoint> bootstrap)
    : client_(reactor, transport, random, options_for(std::move(bootstrap))) {}

aio::Task<> KafkaTopicAdmin::stop() { co_await client_.stop(); }

aio::Task<Result<kafka::DescribeConfigsResponse>> KafkaTopicAdmin::describe_configs(
    std::int8_t resource_type, std::vector<std::string> names, std::optional<std::vector<std::string>> keys) {
  kafka::DescribeConfigsRequest request;
  for (std::string& name : names) {
    kafka::DescribeConfigsRequest::DescribeConfigsResource resource;
    resource.resource_type = resource_type;
    resource.resource_name = std::move(name);
    resource.configuration_keys = keys;
    request.resources.push_back(std::move(resource));
  }
  CO_TRY_ASSIGN(auto response, co_await client_.describe_configs(std::move(request)));
  if (response.results.size() < names.size()) co_return fail(no_answer("DescribeConfigs"));
  for (const auto& result : response.results) {
    // A topic that has been deleted meanwhile has no configs.
    if (names.size() > 1 && result.error_code == kafka::to_wire(ErrorCode::kUnknownTopicOrPartition))
      continue;
    CO_TRY(check_answer(result.error_code, result.error_message));
  }
  co_return response;
}

aio::Task<Result<>> KafkaTopicAdmin::alter(std::int8_t resource_type, std::string name,
                                           ConfigChanges changes) {
  kafka::IncrementalAlterConfigsRequest request;
  kafka::IncrementalAlterConfigsRequest::AlterConfigsResource resource;
  resource.resource_type = resource_type;
  resource.resource_name = std::move(name);
  for (auto& [key, value] : changes) {
    kafka::IncrementalAlterConfigsRequest::AlterableConfig config;
    config.name = key;
    config.config_operation = value ? kafka::kConfigSet : kafka::kConfigDelete;
    config.value = value;
    resource.configs.push_back(std::move(config));
  }
  request.resources.push_back(std::move(resource));
  CO_TRY_ASSIGN(const auto response, co_await client_.incremental_alter_configs(std::move(request)));
  if (response.responses.empty()) co_return fail(no_answer("IncrementalAlterConfigs"));
  co_return check_answer(response.responses[0].error_code, response.responses[0].error_message);
}

aio::Task<Result<std::optional<TopicState>>> KafkaTopicAdmin::describe(std::string topic) {
  kafka::MetadataRequest request;
  kafka::MetadataRequest::MetadataRequestTopic row;
  row.name = topic;
  request.topics->push_back(std::move(row));
  request.allow_auto_topic_creation = false;
  CO_TRY_ASSIGN(const auto response, co_await client_.metadata(std::move(request)));
  if (response.topics.empty()) co_return fail(no_answer("Metadata"));
  const auto& found = response.topics[0];
  if (found.error_code == kafka::to_wire(ErrorCode::kUnknownTopicOrPartition))
    co_return std::optional<TopicState>();
  CO_TRY(check_answer(found.error_code, std::nullopt));
  TopicState state;
  state.id = found.topic_id.to_string();
  state.partitions = static_cast<std::int32_t>(found.partitions.size());
  state.layout = layout_of(found);
  for (const PartitionState& partition : state.layout) {
    const auto replicas = static_cast<std::int32_t>(partition.replicas.size());
    const bool is_first = &partition == &state.layout.front();
    state.replication_factor = is_first ? replicas : std::min(state.replication_factor, replicas);
  }
  CO_TRY_ASSIGN(const auto described,
                co_await describe_configs(kafka::kResourceTopic, {topic}, std::nullopt));
  state.configs = set_at(kafka::kSourceDynamicTopic, described.results[0]);
  for (const auto& config : described.results[0].configs) {
    if (config.name == "min.insync.replicas" && config.value) {
      std::from_chars(config.value->data(), config.value->data() + config.value->size(), state.min_isr);
    }
  }
  co_return std::optional<TopicState>(std::move(state));
}

aio::Task<Result<TopicState>> KafkaTopicAdmin::create(NewTopic topic) {
  kafka::CreateTopicsRequest request;
  kafka::CreateTopicsRequest::CreatableTopic row;
  row.name = topic.name;
  row.num_partitions = topic.partitions;
  row.replication_factor = static_cast<std::int16_t>(topic.replication_factor);
  for (const auto& [key, value] : topic.configs) {
    kafka::CreateTopicsRequest::CreatableTopicConfig config;
    config.name = key;
    config.value = value;
    row.configs.push_back(std::move(config));
  }
  request.topics.push_back(std::move(row));
  request.timeout_ms = kServerTimeoutMs;
  CO_TRY_ASSIGN(const auto response, co_await client_.create_topics(std::move(request)));
  if (response.topics.empty()) co_return fail(no_answer("CreateTopics"));
  const auto& made = response.topics[0];
  CO_TRY(check_answer(made.error_code, made.error_message));
  TopicState state;
  state.id = made.topic_id.to_string();
  state.partitions = made.num_partitions;
  state.replication_factor = made.replication_factor;
  state.configs = std::move(topic.configs);
  co_return state;
}

aio::Task<Result<>> KafkaTopicAdmin::set_partitions(std::string topic, std::int32_t partitions) {
  kafka::CreatePartitionsRequest request;
  kafka::CreatePartitionsRequest::CreatePartitionsTopic row;
  row.name = std::move(topic);
  row.count = partitions;
  row.assignments = std::nullopt;
  request.topics.push_back(std::move(row));
  request.timeout_ms = kServerTimeoutMs;
  CO_TRY_ASSIGN(const auto response, co_await client_.create_partitions(std::move(request)));
  if (response.results.empty()) co_return fail(no_answer("CreatePartitions"));
  co_return check_answer(response.results[0].error_code, response.results[0].error_message);
}

aio::Task<Result<>> KafkaTopicAdmin::alter_configs(std::string topic, ConfigChanges changes) {
  co_return co_await alter(kafka::kResourceTopic, std::move(topic), std::move(changes));
}

aio::Task<Result<>> KafkaTopicAdmin::remove(std::string topic) {
  kafka::DeleteTopicsRequest request;
  kafka::DeleteTopicsRequest::DeleteTopicState row;
  row.name = std::move(topic);
  request.topics.push_back(std::move(row));
  request.timeout_ms = kServerTimeoutMs;
  CO_TRY_ASSIGN(const auto response, co_await client_.delete_topics(std::move(request)));
  if (response.responses.empty()) co_return fail(no_answer("DeleteTopics"));
  const auto& row_done = response.responses[0];
  if (row_done.error_code == kafka::to_wire(ErrorCode::kUnknownTopicOrPartition)) co_return Result<>();
  co_return check_answer(row_done.error_code, row_done.error_message);
}

aio::Task<Result<ConfigTypes>> KafkaTopicAdmin::describe_types(std::int32_t broker) {
  CO_TRY_ASSIGN(const auto response,
                co_await describe_configs(kafka::kResourceBroker, {std::to_string(broker)}, std::nullopt));
  ConfigTypes types;
  for (const auto& row : response.results[0].configs) {
    types[row.name] = static_cast<base::ConfigType>(row.config_type);
  }
  co_return types;
}

aio::Task<Result<Configs>> KafkaTopicAdmin::describe_defaults() {
  CO_TRY_ASSIGN(const auto response, co_await describe_configs(kafka::kResourceBroker, {""}, std::nullopt));
  co_return set_at(kSourceDynamicDefaultBroker, response.results[0]);
}

aio::Task<Result<std::map<std::string, Configs>>> KafkaTopicAdmin::describe_topic_configs(
    std::vector<std::string> topics, std::vector<std::string> keys) {
  std::map<std::string, Configs> found;
  if (topics.empty()) co_return found;
  CO_TRY_ASSIGN(const auto response,
                co_await describe_configs(kafka::kResourceTopic, std::move(topics), std::move(keys)));
  for (const auto& result : response.results) {
    Configs configs = set_at(kafka::kSourceDynamicTopic, result);
    if (!configs.empty()) found[result.resource_name] = std::move(configs);
  }
  co_return found;
}

aio::Task<Result<std::map<std::int32_t, Configs>>> KafkaTopicAdmin::describe_broker_configs(
    std::vector<std::int32_t> brokers, std::vector<std::string> keys) {
  std::map<std::int32_t, Configs> found;
  if (brokers.empty()) co_return found;
  std::vector<std::string> names;
  for (const std::int32_t broker : brokers) names.push_back(std::to_string(broker));
  CO_TRY_ASSIGN(const auto response,
                co_await describe_configs(kafka::kResourceBroker, std::move(names), std::move(keys)));
  for (const auto& result : response.results) {
    std::int32_t id = -1;
    std::from_chars(result.resource_name.data(), result.resource_name.data() + result.resource_name.size(),
                    id);
    found[id] = set_at(kSourceDynamicBroker, result);
  }
  co_return found;
}

aio::Task<Result<>> KafkaTopicAdmin::alter_broker_configs(std::int32_t broker, ConfigChanges changes) {
  co_return co_await alter(kafka::kResourceBroker, std::to_string(broker), std::move(changes));
}

aio::Task<Result<>> KafkaTopicAdmin::alter_defaults(ConfigChanges changes) {
  co_return co_await alter(kafka::kResourceBroker, "", std::move(changes));
}

std::shared_ptr<KafkaTopicAdmin> KafkaTopicAdmins::make(const std::string& endpoints) {
  // Endpoints come from pod addresses, which the API server has checked; a bad one leaves a client that
  // reaches none.
  auto bootstrap = kafka::parse_endpoints(endpoints).value_or(std::vector<kafka::Endpoint>{{"127.0.0.1", 1}});
  auto admin = std::make_unique<KafkaTopicAdmin>(reactor_, transport_, random_, std::move(bootstrap));
  // Its connections end before it does, so the last holder hands it over.
  std::shared_ptr<KafkaTopicAdmin> shared(admin.release(), [this](KafkaTopicAdmin* last) {
    std::unique_ptr<KafkaTopicAdmin> owned(last);
    if (!gate_.is_closed()) aio::spawn(gate_, "retire an admin client", retire(std::move(owned)));
  });
  std::erase_if(lent_, [](const auto& lent) { return lent.expired(); });
  lent_.push_back(shared);
  return shared;
}

std::shared_ptr<TopicAdmin> KafkaTopicAdmins::of(const std::string& cluster_key,
                                                 const std::string& endpoints) {
  if (stopped_) return stopped_;
  Entry& entry = entries_[cluster_key];
  if (!entry.admin || entry.endpoints != endpoints) entry = {endpoints, make(endpoints)};
  return entry.admin;
}

void KafkaTopicAdmins::forget(const std::string& cluster_key) { entries_.erase(cluster_key); }

aio::Task<> KafkaTopicAdmins::retire(std::unique_ptr<KafkaTopicAdmin> admin) { co_await admin->stop(); }

aio::Task<> KafkaTopicAdmins::stop() {
  stopped_ = make("");
  for (const auto& weak : std::exchange(lent_, {})) {
    if (const auto lent = weak.lock()) co_await lent->stop();
  }
  entries_.clear();
  co_await gate_.close();
}

}  // namespace penstock::reconcile
