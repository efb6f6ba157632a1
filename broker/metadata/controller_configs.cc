// IncrementalAlterConfigs and AlterConfigs.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/min_isr.h"
#include "broker/metadata/topic_config.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

enum class Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    std::string item(text.substr(0, comma));
    const auto first = item.find_first_not_of(" \t");
    if (first != std::string::npos) {
      items.push_back(item.substr(first, item.find_last_not_of(" \t") - first + 1));
    }
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return items;
}

bool is_list(const Resource& resource, const std::string& name, const BrokerConfigView* view) {
  if (resource.type == ResourceType::kTopic) {
    const auto* key = find_topic_key(name);
    return key != nullptr && key->key->type() == base::ConfigType::kList;
  }
  const auto* key = view == nullptr ? nullptr : view->find_broker_key(name);
  return (key != nullptr && key->type() == base::ConfigType::kList) || name == "log.cleanup.policy";
}

// What APPEND and SUBTRACT start from when the resource itself has nothing set.
std::string value_in_effect(const MetadataImage& image, const Resource& resource, const std::string& name,
                            const BrokerConfigView* view) {
  const Configs& configs = image.configs(resource);
  if (const auto found = configs.find(name); found != configs.end()) return found->second;
  if (resource.type != ResourceType::kTopic || view == nullptr) return {};
  for (const auto& entry : view->describe_topic(image, resource.name)) {
    if (entry.name == name) return entry.value.value_or("");
  }
  return {};
}

std::string change_list(Operation operation, const std::string& from, const std::string& by) {
  auto items = split_list(from);
  for (const auto& item : split_list(by)) {
    const auto found = std::ranges::find(items, item);
    if (operation == Operation::kAppend && found == items.end()) items.push_back(item);
    if (operation == Operation::kSubtract && found != items.end()) items.erase(found);
  }
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

}  // namespace

Refused Controller::check_resource(const Resource& resource) const {
  if (resource.type == ResourceType::kTopic) {
    if (image().topic(resource.name)) return {};
    return {ErrorCode::kUnknownTopicOrPartition,
            fmt::format("The topic '{}' does not exist.", resource.name)};
  }
  if (resource.type == ResourceType::kBroker) {
    if (resource.name.empty()) return {};
    std::int32_t id = -1;
    const auto* end = resource.name.data() + resource.name.size();
    const auto parsed = std::from_chars(resource.name.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end || id < 0) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("Unable to parse broker name '{}' as an integer.", resource.name)};
    }
    if (image().broker(kafka::NodeId(id)) == nullptr) {
      return {ErrorCode::kBrokerIdNotRegistered, fmt::format("No broker with id {} found.", id)};
    }
    return {};
  }
  return {ErrorCode::kInvalidRequest,
          fmt::format("Configs of resource type {} cannot be altered.", static_cast<int>(resource.type))};
}

Refused Controller::check_configs(const Resource& resource, const Configs& configs,
                                  const std::set<std::string>& touched) const {
  const auto refuse = [](const base::Error& error) {
    return Refused{ErrorCode::kInvalidConfig, error.what()};
  };
  if (resource.type == ResourceType::kTopic) {
    if (auto valid = validate_topic_configs(configs); !valid) return refuse(valid.error());
    return {};
  }
  for (const auto& name : touched) {
    if (name == kMinIsr && is_elr_enabled()) {
      if (auto refused = check_min_isr_change(resource, !configs.contains(name))) return refused;
    }
    const auto* key = options_.configs == nullptr ? nullptr : options_.configs->find_broker_key(name);
    if (key != nullptr && key->update() == base::Update::kReadOnly) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("Cannot update these configs dynamically: Set({})", name)};
    }
    if (key != nullptr && key->update() == base::Update::kPerBroker && resource.name.empty()) {
      return {
          ErrorCode::kInvalidRequest,
          fmt::format("Cannot update these configs at default cluster level, broker id must be specified: "
                      "Set({})",
                      name)};
    }
    const auto value = configs.find(name);
    if (value == configs.end()) continue;
    if (key != nullptr) {
      if (auto valid = key->check(value->second); !valid) return refuse(valid.error());
    }
    for (const TopicKey& topic_key : topic_keys()) {
      for (const auto& synonym : topic_key.synonyms) {
        if (synonym.broker_key != name || synonym.factor != 1) continue;
        if (auto valid = topic_key.key->check(value->second); !valid) return refuse(valid.error());
      }
    }
  }
  return {};
}

Refused Controller::change_configs(const Resource& resource, const Configs& to,
                                   const std::set<std::string>& touched, Records& records) const {
  if (auto refused = check_configs(resource, to, touched)) return refused;
  const Configs& from = image().configs(resource);
  for (const auto& name : touched) {
    const auto before = from.find(name);
    const auto after = to.find(name);
    const bool is_same =
        before == from.end() ? after == to.end() : after != to.end() && after->second == before->second;
    if (is_same) continue;
    kafka::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(resource.type);
    record.resource_name = resource.name;
    record.name = name;
    record.value.reset();
    if (after != to.end()) record.value = after->second;
    records.emplace_back(std::move(record));
    if (name == kMinIsr && is_elr_enabled()) clear_elr(resource, records);
  }
  return {};
}

Refused Controller::check_min_isr_change(const Resource& resource, bool is_removal) const {
  if (!resource.name.empty()) {
    return {ErrorCode::kInvalidConfig,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled."};
  }
  if (is_removal) {
    return {ErrorCode::kInvalidConfig,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."};
  }
  return {};
}

void Controller::clear_elr(const Resource& resource, Records& records) const {
  kafka::ClearElrRecord clear;
  if (resource.type == ResourceType::kTopic) clear.topic_name = resource.name;
  records.emplace_back(clear);
  // Where nobody is in sync nothing is committed meanwhile: the ELR stays what it was, or the partition would
  // have no replica left that may lead it.
  for (const auto& topic : image().topics()) {
    if (resource.type == ResourceType::kTopic && topic->name != resource.name) continue;
    for (std::int32_t i = 0; i < topic->partition_count(); ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition == nullptr || !partition->isr.empty()) continue;
      if (partition->elr.empty() && partition->last_known_elr.empty()) continue;
      kafka::PartitionChangeRecord record;
      record.topic_id = topic->id;
      record.partition_id = i;
      record.eligible_leader_replicas = partition->elr;
      record.last_known_elr = partition->last_known_elr;
      records.emplace_back(std::move(record));
    }
  }
}

// collect(asked, resource, to, touched) reads what is asked of one resource: its configs after the change and
// the names that may differ.
template <typename Response, typename Request, typename Collect>
Decision<Response> Controller::alter_each(const Request& request, Collect collect) const {
  Decision<Response> decision;
  std::map<Resource, int> counts;
  const auto resource_of = [](const auto& asked) {
    return Resource{static_cast<ResourceType>(asked.resource_type), asked.resource_name};
  };
  for (const auto& asked : request.resources) ++counts[resource_of(asked)];
  for (const auto& asked : request.resources) {
    const Resource resource = resource_of(asked);
    Refused refused = check_resource(resource);
    if (counts[resource] > 1) {
      refused = {ErrorCode::kInvalidRequest, "Each resource must appear at most once."};
    }
    Configs to;
    std::set<std::string> touched;
    Records records;
    if (!refused) refused = collect(asked, resource, to, touched);
    if (!refused) refused = change_configs(resource, to, touched, records);
    if (!refused && decision.records.size() + records.size() > kRecordsPerOperationMax) {
      refused = {ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation."};
    }
    typename Response::AlterConfigsResourceResponse result;
    result.resource_type = asked.resource_type;
    result.resource_name = asked.resource_name;
    result.error_code = to_wire(refused.code);
    result.error_message.reset();
    if (refused) result.error_message = refused.message;
    decision.response.responses.push_back(std::move(result));
    if (!refused && !request.validate_only) {
      decision.records.insert(decision.records.end(), records.begin(), records.end());
    }
  }
  return decision;
}

Decision<kafka::IncrementalAlterConfigsResponse> Controller::incremental_alter_configs(
    const kafka::IncrementalAlterConfigsRequest& request) const {
  const auto collect = [this](const auto& asked, const Resource& resource, Configs& to,
                              std::set<std::string>& touched) -> Refused {
    to = image().configs(resource);
    for (const auto& config : asked.configs) {
      const auto operation = static_cast<Operation>(config.config_operation);
      if (config.config_operation < 0 || config.config_operation > 3) {
        return {ErrorCode::kInvalidRequest,
                fmt::format("Unknown config operation {}", config.config_operation)};
      }
      if (!touched.insert(config.name).second) {
        return {ErrorCode::kInvalidRequest,
                fmt::format("Error due to duplicate config keys: {}", config.name)};
      }
      if (operation == Operation::kDelete) {
        to.erase(config.name);
        continue;
      }
      if (!config.value) {
        return {ErrorCode::kInvalidRequest, "Null value not supported for : " + config.name};
      }
      if (operation == Operation::kSet) {
        to[config.name] = *config.value;
        continue;
      }
      if (!is_list(resource, config.name, options_.configs)) {
        return {ErrorCode::kInvalidConfig,
                fmt::format("Can't {} to key {} because its type is not LIST.",
                            operation == Operation::kAppend ? "APPEND" : "SUBTRACT", config.name)};
      }
      const auto from = value_in_effect(image(), resource, config.name, options_.configs);
      to[config.name] = change_list(operation, from, *config.value);
    }
    return {};
  };
  return alter_each<kafka::IncrementalAlterConfigsResponse>(request, collect);
}

Decision<kafka::AlterConfigsResponse> Controller::alter_configs(
    const kafka::AlterConfigsRequest& request) const {
  const auto collect = [this](const auto& asked, const Resource& resource, Configs& to,
                              std::set<std::string>& touched) -> Refused {
    // What is not named goes back to its default: that is what makes this API the old one.
    for (const auto& [name, value] : image().configs(resource)) touched.insert(name);
    for (const auto& config : asked.configs) {
      if (!config.value) {
        return {ErrorCode::kInvalidRequest, "Null value not supported for : " + config.name};
      }
      to[config.name] = *config.value;
      touched.insert(config.name);
    }
    return {};
  };
  return alter_each<kafka::AlterConfigsResponse>(request, collect);
}

}  // namespace penstock::metadata
