#include "operator/reconcile/kafka_topic_admin.h"

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

namespace penstock::reconcile {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using kafka::ErrorCode;

constexpr std::int32_t kServerTimeoutMs = 2500;
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

Errc errc_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTopicAlreadyExists:
      return Errc::kAlreadyExists;
    case ErrorCode::kInvalidTopicException:
    case ErrorCode::kInvalidPartitions:
    case ErrorCode::kInvalidReplicationFactor:
    case ErrorCode::kInvalidConfig:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kPolicyViolation:
      return Errc::kInvalidArgument;
    case ErrorCode::kTopicDeletionDisabled:
    case ErrorCode::kTopicAuthorizationFailed:
    case ErrorCode::kClusterAuthorizationFailed:
      return Errc::kPermissionDenied;
    case ErrorCode::kUnknownTopicOrPartition:
      return Errc::kNotFound;
    default:
      return kafka::is_retriable(code) ? Errc::kUnavailable : Errc::kInternal;
  }
}

// Success, or the broker's refusal.
Result<> check(std::int16_t number, const std::optional<std::string>& message) {
  if (number == 0) return {};
  const ErrorCode code = kafka::find_error_code(number).value_or(ErrorCode::kUnknownServerError);
  const std::string_view text = message && !message->empty() ? *message : kafka::error_message(code);
  return fail(errc_of(code), std::string(kafka::error_name(code)) + ": " + std::string(text));
}

base::Error no_answer(std::string_view call) {
  return base::Error(Errc::kCorrupt, std::string(call) + ": the answer has no row for what was asked");
}

}  // namespace

KafkaTopicAdmin::KafkaTopicAdmin(aio::Reactor& reactor, aio::Transport& transport, base::Random& random,
                                 std::vector<kafka::Endpoint> bootstrap)
    : client_(reactor, transport, random, options_for(std::move(bootstrap))) {}

aio::Task<> KafkaTopicAdmin::stop() { co_await client_.stop(); }

aio::Task<Result<Configs>> KafkaTopicAdmin::dynamic_configs(std::int8_t resource_type, std::string name,
                                                            std::int8_t source) {
  kafka::DescribeConfigsRequest request;
  kafka::DescribeConfigsRequest::DescribeConfigsResource resource;
  resource.resource_type = resource_type;
  resource.resource_name = std::move(name);
  resource.configuration_keys = std::nullopt;
  request.resources.push_back(std::move(resource));
  CO_TRY_ASSIGN(const auto response, co_await client_.describe_configs(std::move(request)));
  if (response.results.empty()) co_return fail(no_answer("DescribeConfigs"));
  CO_TRY(check(response.results[0].error_code, response.results[0].error_message));
  Configs configs;
  for (const auto& row : response.results[0].configs) {
    if (row.config_source == source && row.value) configs[row.name] = *row.value;
  }
  co_return configs;
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
  co_return check(response.responses[0].error_code, response.responses[0].error_message);
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
  CO_TRY(check(found.error_code, std::nullopt));
  TopicState state;
  state.id = found.topic_id.to_string();
  state.partitions = static_cast<std::int32_t>(found.partitions.size());
  if (!found.partitions.empty()) {
    state.replication_factor = static_cast<std::int32_t>(found.partitions[0].replica_nodes.size());
  }
  CO_TRY_ASSIGN(state.configs,
                co_await dynamic_configs(kafka::kResourceTopic, topic, kafka::kSourceDynamicTopic));
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
  CO_TRY(check(made.error_code, made.error_message));
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
  co_return check(response.results[0].error_code, response.results[0].error_message);
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
  co_return check(row_done.error_code, row_done.error_message);
}

aio::Task<Result<ConfigTypes>> KafkaTopicAdmin::describe_types(std::int32_t broker) {
  kafka::DescribeConfigsRequest request;
  kafka::DescribeConfigsRequest::DescribeConfigsResource resource;
  resource.resource_type = kafka::kResourceBroker;
  resource.resource_name = std::to_string(broker);
  resource.configuration_keys = std::nullopt;
  request.resources.push_back(std::move(resource));
  CO_TRY_ASSIGN(const auto response, co_await client_.describe_configs(std::move(request)));
  if (response.results.empty()) co_return fail(no_answer("DescribeConfigs"));
  CO_TRY(check(response.results[0].error_code, response.results[0].error_message));
  ConfigTypes types;
  for (const auto& row : response.results[0].configs) {
    types[row.name] = static_cast<base::ConfigType>(row.config_type);
  }
  co_return types;
}

aio::Task<Result<Configs>> KafkaTopicAdmin::describe_defaults() {
  co_return co_await dynamic_configs(kafka::kResourceBroker, "", kSourceDynamicDefaultBroker);
}

aio::Task<Result<>> KafkaTopicAdmin::alter_defaults(ConfigChanges changes) {
  co_return co_await alter(kafka::kResourceBroker, "", std::move(changes));
}

TopicAdmin& KafkaTopicAdmins::of(const std::string& cluster_key, const std::string& endpoints) {
  Entry& entry = entries_[cluster_key];
  if (entry.admin && entry.endpoints == endpoints) return *entry.admin;
  if (entry.admin) aio::spawn(gate_, "retire an admin client", retire(std::move(entry.admin)));
  // Endpoints come from pod addresses, which the API server has checked; a bad one leaves a client that
  // reaches none.
  auto bootstrap = kafka::parse_endpoints(endpoints).value_or(std::vector<kafka::Endpoint>{{"127.0.0.1", 1}});
  entry.endpoints = endpoints;
  entry.admin = std::make_shared<KafkaTopicAdmin>(reactor_, transport_, random_, std::move(bootstrap));
  return *entry.admin;
}

void KafkaTopicAdmins::forget(const std::string& cluster_key) {
  const auto found = entries_.find(cluster_key);
  if (found == entries_.end()) return;
  aio::spawn(gate_, "retire an admin client", retire(std::move(found->second.admin)));
  entries_.erase(found);
}

aio::Task<> KafkaTopicAdmins::retire(std::shared_ptr<KafkaTopicAdmin> admin) { co_await admin->stop(); }

aio::Task<> KafkaTopicAdmins::stop() {
  for (auto& [key, entry] : entries_) co_await entry.admin->stop();
  co_await gate_.close();
}

}  // namespace penstock::reconcile
