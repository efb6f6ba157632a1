// CreateTopics and DeleteTopics.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/topic_config.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

constexpr std::size_t kNameCharsMax = 249;
constexpr std::string_view kMetadataTopic = "__cluster_metadata";

// Why a name is not a topic's; empty when it is.
std::string name_fault(const std::string& name) {
  if (name.empty()) return "the empty string is not allowed";
  if (name == "." || name == "..") return fmt::format("'{}' is not allowed", name);
  if (name.size() > kNameCharsMax) {
    return fmt::format("the length of '{}' is longer than the max allowed length {}", name, kNameCharsMax);
  }
  const bool is_legal = std::ranges::all_of(name, [](unsigned char c) {
    return (c < 128 && std::isalnum(c) != 0) || c == '.' || c == '_' || c == '-';
  });
  if (is_legal) return {};
  return fmt::format("'{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
                     name);
}

// Names that differ in '.' and '_' alone get the same metric names.
std::string collision_key(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

bool may_collide(const std::string& name) { return name.find_first_of("._") != std::string::npos; }

template <typename Items, typename Project>
auto count_names(const Items& items, Project project) {
  std::map<std::string, int> counts;
  for (const auto& item : items) ++counts[project(item)];
  return counts;
}

}  // namespace

Refused Controller::check_new_name(const std::string& name, const std::set<std::string>& taken) const {
  if (name == kMetadataTopic) {
    return {ErrorCode::kInvalidRequest,
            fmt::format("Creation of internal topic {} is prohibited.", kMetadataTopic)};
  }
  if (const std::string fault = name_fault(name); !fault.empty()) {
    return {ErrorCode::kInvalidTopicException, "Topic name is invalid: " + fault};
  }
  if (image().topic(name) || taken.contains(name)) {
    return {ErrorCode::kTopicAlreadyExists, fmt::format("Topic '{}' already exists.", name)};
  }
  if (!may_collide(name)) return {};
  const std::string key = collision_key(name);
  const auto collides = [&](const std::string& other) {
    return may_collide(other) && collision_key(other) == key;
  };
  std::string other;
  for (const auto& topic : image().topics()) {
    if (other.empty() && collides(topic->name)) other = topic->name;
  }
  for (const auto& topic : taken) {
    if (other.empty() && collides(topic)) other = topic;
  }
  if (other.empty()) return {};
  return {ErrorCode::kInvalidTopicException,
          fmt::format("Topic '{}' collides with existing topic: {}", name, other)};
}

Decision<kafka::CreateTopicsResponse> Controller::create_topics(const kafka::CreateTopicsRequest& request) {
  Decision<kafka::CreateTopicsResponse> decision;
  const auto counts = count_names(request.topics, [](const auto& topic) { return topic.name; });
  std::set<std::string> answered;
  std::set<std::string> created;
  std::size_t records_total = 0;
  for (const auto& topic : request.topics) {
    kafka::CreateTopicsResponse::CreatableTopicResult result;
    result.name = topic.name;
    result.configs.reset();
    Refused refused;
    Records records;
    if (counts.at(topic.name) > 1) {
      if (!answered.insert(topic.name).second) continue;
      refused = {ErrorCode::kInvalidRequest, "Duplicate topic name."};
    } else if (refused = check_new_name(topic.name, created); !refused) {
      refused = create_topic(topic, result, records, records_total);
    }
    if (refused) {
      result = {};
      result.name = topic.name;
      result.configs.reset();
      result.error_code = to_wire(refused.code);
      result.error_message = refused.message;
    } else {
      result.error_message.reset();
      created.insert(topic.name);
      if (request.validate_only) {
        result.topic_id = {};
      } else {
        decision.records.insert(decision.records.end(), records.begin(), records.end());
      }
    }
    decision.response.topics.push_back(std::move(result));
  }
  return decision;
}

Refused Controller::create_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                                 kafka::CreateTopicsResponse::CreatableTopicResult& result, Records& records,
                                 std::size_t& records_total) {
  Configs configs;
  std::set<std::string> touched;
  for (const auto& config : topic.configs) {
    if (!config.value) {
      return {ErrorCode::kInvalidConfig, "Null value not supported for topic configs: " + config.name};
    }
    configs[config.name] = *config.value;
    touched.insert(config.name);
  }
  const Resource resource{ResourceType::kTopic, topic.name};
  if (auto refused = check_configs(resource, configs, touched)) return refused;
  std::vector<std::vector<std::int32_t>> placement;
  if (auto refused = place_new_topic(topic, placement)) return refused;
  records_total += 1 + placement.size() + configs.size();
  if (records_total > kRecordsPerOperationMax) {
    return {ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation."};
  }
  kafka::TopicRecord record;
  record.name = topic.name;
  record.topic_id = base::Uuid::random(random_);
  const base::Uuid id = record.topic_id;
  records.emplace_back(std::move(record));
  for (const auto& [name, value] : configs) {
    kafka::ConfigRecord config;
    config.resource_type = static_cast<std::int8_t>(ResourceType::kTopic);
    config.resource_name = topic.name;
    config.name = name;
    config.value = value;
    records.emplace_back(std::move(config));
  }
  for (std::size_t i = 0; i < placement.size(); ++i) {
    if (auto refused = partition_record(id, static_cast<std::int32_t>(i), placement[i], records))
      return refused;
  }
  result.topic_id = id;
  result.num_partitions = static_cast<std::int32_t>(placement.size());
  result.replication_factor = static_cast<std::int16_t>(placement.front().size());
  result.configs.emplace();
  if (options_.configs != nullptr) {
    for (auto& entry : options_.configs->describe_topic_with(image(), configs)) {
      kafka::CreateTopicsResponse::CreatableTopicConfigs shown;
      shown.name = entry.name;
      shown.value = entry.value;
      shown.read_only = entry.is_read_only;
      shown.config_source = static_cast<std::int8_t>(entry.source);
      shown.is_sensitive = entry.is_sensitive;
      result.configs->push_back(std::move(shown));
    }
  }
  return {};
}

Decision<kafka::DeleteTopicsResponse> Controller::delete_topics(
    const kafka::DeleteTopicsRequest& request) const {
  Decision<kafka::DeleteTopicsResponse> decision;
  auto targets = request.topics;
  for (const auto& name : request.topic_names) {
    kafka::DeleteTopicsRequest::DeleteTopicState state;
    state.name = name;
    targets.push_back(std::move(state));
  }
  const auto refuse = [&](const auto& target, ErrorCode code, std::string message) {
    kafka::DeleteTopicsResponse::DeletableTopicResult result;
    result.name = target.name;
    result.topic_id = target.topic_id;
    result.error_code = to_wire(code);
    result.error_message = std::move(message);
    decision.response.responses.push_back(std::move(result));
  };
  std::map<base::Uuid, int> seen;
  const auto resolve = [&](const auto& target) {
    return target.name ? image().topic(*target.name) : image().topic(target.topic_id);
  };
  for (const auto& target : targets) {
    if (const auto topic = resolve(target)) ++seen[topic->id];
  }
  for (const auto& target : targets) {
    if (!options_.is_topic_deletion_enabled) {
      refuse(target, ErrorCode::kTopicDeletionDisabled, "Topic deletion is disabled.");
      continue;
    }
    if (target.name && !target.topic_id.is_zero()) {
      refuse(target, ErrorCode::kInvalidRequest, "You may not specify both topic name and topic id.");
      continue;
    }
    if (!target.name && target.topic_id.is_zero()) {
      refuse(target, ErrorCode::kInvalidRequest, "Neither topic name nor id were specified.");
      continue;
    }
    const auto topic = resolve(target);
    if (!topic) {
      const auto code = target.name ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kUnknownTopicId;
      refuse(target, code, std::string(kafka::error_message(code)));
      continue;
    }
    if (seen[topic->id] > 1) {
      refuse(target, ErrorCode::kInvalidRequest,
             target.name ? "Duplicate topic name." : "Duplicate topic id.");
      continue;
    }
    if (decision.records.size() >= kRecordsPerOperationMax) {
      refuse(target, ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation.");
      continue;
    }
    kafka::RemoveTopicRecord record;
    record.topic_id = topic->id;
    decision.records.emplace_back(record);
    kafka::DeleteTopicsResponse::DeletableTopicResult result;
    result.name = topic->name;
    result.topic_id = topic->id;
    decision.response.responses.push_back(std::move(result));
  }
  return decision;
}

}  // namespace penstock::metadata
