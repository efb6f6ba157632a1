// `kafka-topics --describe`.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/topic_admin.h"
#include "kafka/error_codes.h"
#include "kafka/hashing.h"
#include "kafka/messages/describe_cluster_request.h"
#include "kafka/messages/describe_cluster_response.h"
#include "kafka/messages/describe_configs_request.h"
#include "kafka/messages/describe_configs_response.h"
#include "kafka/messages/describe_topic_partitions_request.h"
#include "kafka/messages/describe_topic_partitions_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::cli {

using aio::Task;
using base::Errc;
using base::fail;
using base::Result;
using kafka::AdminClient;

namespace {

using Described = kafka::DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;
using Partition = kafka::DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition;
using Reassignment = kafka::ListPartitionReassignmentsResponse::OngoingPartitionReassignment;
using Configs = kafka::DescribeConfigsResponse::DescribeConfigsResult;

constexpr std::int8_t kSourceDefault = 5;

std::string join_ids(const std::vector<std::int32_t>& ids) { return fmt::format("{}", fmt::join(ids, ",")); }

// Everything that describing needs, collected before the first line is written.
struct Cluster {
  std::vector<Described> topics;
  std::map<std::string, Configs, std::less<>> configs;
  std::map<std::pair<std::string, std::int32_t>, Reassignment> reassignments;
  std::set<std::int32_t> live_brokers;
};

// For brokers that lack DescribeTopicPartitions; eligible leader replicas are then unknown.
Task<Result<std::vector<Described>>> describe_by_metadata(AdminClient& admin,
                                                          std::vector<FoundTopic> topics) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  for (const FoundTopic& topic : topics) request.topics->emplace_back().name = topic.name;
  auto response = co_await admin.metadata(std::move(request));
  if (!response) co_return fail(response.error());
  std::vector<Described> described;
  for (const auto& topic : response->topics) {
    auto& one = described.emplace_back();
    one.error_code = topic.error_code;
    one.name = topic.name;
    one.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& copy = one.partitions.emplace_back();
      copy.partition_index = partition.partition_index;
      copy.leader_id = partition.leader_id;
      copy.replica_nodes = partition.replica_nodes;
      copy.isr_nodes = partition.isr_nodes;
    }
  }
  co_return described;
}

Task<Result<std::vector<Described>>> describe_partitions(AdminClient& admin, std::vector<FoundTopic> topics) {
  kafka::DescribeTopicPartitionsRequest request;
  for (const FoundTopic& topic : topics) request.topics.emplace_back().name = topic.name;
  std::vector<Described> described;
  while (true) {
    auto response = co_await admin.describe_topic_partitions(request);
    if (!response && response.error().code() == Errc::kUnsupported && described.empty()) {
      co_return co_await describe_by_metadata(admin, std::move(topics));
    }
    if (!response) co_return fail(response.error());
    for (auto& topic : response->topics) {
      // A topic that was cut off at the end of the last answer goes on in this one.
      if (!described.empty() && described.back().name == topic.name) {
        std::ranges::move(topic.partitions, std::back_inserter(described.back().partitions));
      } else {
        described.push_back(std::move(topic));
      }
    }
    if (!response->next_cursor) co_return described;
    request.cursor = kafka::DescribeTopicPartitionsRequest::Cursor{response->next_cursor->topic_name,
                                                                   response->next_cursor->partition_index};
    std::erase_if(request.topics, [&](const auto& topic) { return topic.name < request.cursor->topic_name; });
  }
}

Task<Result<>> collect_configs(AdminClient& admin, Cluster& cluster) {
  kafka::DescribeConfigsRequest request;
  for (const Described& topic : cluster.topics) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kafka::kResourceTopic;
    resource.resource_name = *topic.name;
    resource.configuration_keys.reset();
  }
  auto response = co_await admin.describe_configs(std::move(request));
  if (!response) co_return fail(response.error());
  for (auto& result : response->results) {
    if (result.error_code != 0) co_return fail(item_error(result.error_code, result.error_message));
    const std::string name = result.resource_name;
    cluster.configs[name] = std::move(result);
  }
  co_return Result<>{};
}

Task<Result<>> collect_reassignments(AdminClient& admin, Cluster& cluster) {
  kafka::ListPartitionReassignmentsRequest request;
  request.topics.emplace();
  for (const Described& topic : cluster.topics) {
    auto& one = request.topics->emplace_back();
    one.name = *topic.name;
    for (const Partition& partition : topic.partitions)
      one.partition_indexes.push_back(partition.partition_index);
  }
  const auto response = co_await admin.list_partition_reassignments(std::move(request));
  if (!response && response.error().code() == Errc::kUnsupported) co_return Result<>{};
  if (!response) co_return fail(response.error());
  for (const auto& topic : response->topics) {
    for (const auto& one : topic.partitions) cluster.reassignments[{topic.name, one.partition_index}] = one;
  }
  co_return Result<>{};
}

Task<Result<Cluster>> collect(AdminClient& admin, std::vector<FoundTopic> topics) {
  Cluster cluster;
  auto described = co_await describe_partitions(admin, std::move(topics));
  if (!described) co_return fail(described.error());
  for (Described& topic : *described) {
    if (topic.error_code != 0) co_return fail(item_error(topic.error_code, std::nullopt));
    std::ranges::sort(topic.partitions, {}, &Partition::partition_index);
  }
  cluster.topics = std::move(*described);
  CO_TRY(co_await collect_configs(admin, cluster));
  const auto brokers = co_await admin.describe_cluster({});
  if (!brokers) co_return fail(brokers.error());
  for (const auto& broker : brokers->brokers) cluster.live_brokers.insert(broker.broker_id);
  CO_TRY(co_await collect_reassignments(admin, cluster));
  co_return cluster;
}

// While a reassignment runs, the replicas that it adds do not count.
std::size_t replication_factor(const Partition& partition, const Reassignment* reassignment) {
  if (reassignment == nullptr) return partition.replica_nodes.size();
  return reassignment->replicas.size() - reassignment->adding_replicas.size();
}

std::size_t min_isr(const Configs& configs) {
  for (const auto& config : configs.configs) {
    if (config.name != "min.insync.replicas" || !config.value) continue;
    std::size_t number = 1;
    std::from_chars(config.value->data(), config.value->data() + config.value->size(), number);
    return number;
  }
  return 1;
}

// Kafka's tool prints the values of a HashMap, which come by their place in a table that is three quarters
// full at most.
std::vector<std::size_t> in_order_of_kafkas_tool(const Configs& configs) {
  std::uint32_t places = 16;
  while (configs.configs.size() > places / 4 * 3) places *= 2;
  std::vector<std::pair<std::uint32_t, std::size_t>> by_place;
  for (std::size_t i = 0; i < configs.configs.size(); ++i) {
    const auto hash = static_cast<std::uint32_t>(kafka::java_hash_code(configs.configs[i].name));
    by_place.emplace_back((hash ^ (hash >> 16)) & (places - 1), i);
  }
  std::ranges::sort(by_place);
  std::vector<std::size_t> order;
  for (const auto& [place, index] : by_place) order.push_back(index);
  return order;
}

std::string overrides_of(const Configs& configs) {
  std::string text;
  for (const std::size_t index : in_order_of_kafkas_tool(configs)) {
    const auto& config = configs.configs[index];
    if (config.config_source == kSourceDefault) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", config.name, config.value.value_or("null"));
  }
  return text;
}

bool is_shown(const TopicRequest& request, const Cluster& cluster, const Partition& partition,
              std::size_t factor, std::size_t minimum) {
  if (!request.is_report()) return true;
  const bool has_leader = partition.leader_id >= 0;
  const std::size_t in_sync = partition.isr_nodes.size();
  return (request.only_under_replicated && factor > in_sync) ||
         (request.only_unavailable && (!has_leader || !cluster.live_brokers.contains(partition.leader_id))) ||
         (request.only_under_min_isr && (!has_leader || in_sync < minimum)) ||
         (request.only_at_min_isr && in_sync == minimum);
}

void print_partition(const std::string& topic, const Partition& partition, const Reassignment* reassignment) {
  const auto ids_or_none = [](const std::optional<std::vector<std::int32_t>>& ids) {
    return ids ? join_ids(*ids) : std::string("N/A");
  };
  std::string changes;
  if (reassignment != nullptr) {
    changes = fmt::format("\tAdding Replicas: {}\tRemoving Replicas: {}",
                          join_ids(reassignment->adding_replicas), join_ids(reassignment->removing_replicas));
  }
  fmt::print("\tTopic: {}\tPartition: {}\tLeader: {}\tReplicas: {}\tIsr: {}{}\tElr: {}\tLastKnownElr: {}\n",
             topic, partition.partition_index,
             partition.leader_id >= 0 ? std::to_string(partition.leader_id) : "none",
             join_ids(partition.replica_nodes), join_ids(partition.isr_nodes), changes,
             ids_or_none(partition.eligible_leader_replicas), ids_or_none(partition.last_known_elr));
}

void print_topic(const TopicRequest& request, const Cluster& cluster, const Described& topic) {
  const Configs& configs = cluster.configs.at(*topic.name);
  const auto reassignment_of = [&](const Partition& partition) -> const Reassignment* {
    const auto found = cluster.reassignments.find({*topic.name, partition.partition_index});
    return found == cluster.reassignments.end() ? nullptr : &found->second;
  };
  const std::string overrides = overrides_of(configs);
  if (!request.is_report() && (!request.only_overridden || !overrides.empty()) && !topic.partitions.empty()) {
    const Partition& first = topic.partitions.front();
    fmt::print("Topic: {}{}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n", *topic.name,
               topic.topic_id.is_zero() ? "" : "\tTopicId: " + topic.topic_id.to_string(),
               topic.partitions.size(), replication_factor(first, reassignment_of(first)), overrides);
  }
  if (request.only_overridden) return;
  for (const Partition& partition : topic.partitions) {
    const Reassignment* reassignment = reassignment_of(partition);
    const std::size_t factor = replication_factor(partition, reassignment);
    if (is_shown(request, cluster, partition, factor, min_isr(configs))) {
      print_partition(*topic.name, partition, reassignment);
    }
  }
}

}  // namespace

Task<Result<>> describe_topics(AdminClient& admin, TopicRequest request) {
  const auto topics = co_await find_topics(admin, request);
  if (!topics) co_return fail(topics.error());
  if (topics->empty()) co_return Result<>{};
  const auto cluster = co_await collect(admin, *topics);
  if (!cluster) co_return fail(cluster.error());
  for (const Described& topic : cluster->topics) print_topic(request, *cluster, topic);
  co_return Result<>{};
}

}  // namespace penstock::cli
