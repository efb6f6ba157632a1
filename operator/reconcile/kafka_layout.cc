// The calls of KafkaTopicAdmin that see and move replicas.
#include "operator/reconcile/kafka_layout.h"

#include "kafka/error_codes.h"
#include "kafka/messages/alter_partition_reassignments_request.h"
#include "kafka/messages/alter_partition_reassignments_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/unregister_broker_request.h"
#include "kafka/messages/unregister_broker_response.h"
#include "operator/reconcile/kafka_answers.h"
#include "operator/reconcile/kafka_topic_admin.h"

namespace penstock::reconcile {

using base::Result;

std::vector<PartitionState> layout_of(const kafka::MetadataResponse::MetadataResponseTopic& topic) {
  std::vector<PartitionState> layout(topic.partitions.size());
  for (const auto& row : topic.partitions) {
    // Kafka names all partitions of a topic, in any order.
    if (row.partition_index < 0 || static_cast<std::size_t>(row.partition_index) >= layout.size()) continue;
    PartitionState& partition = layout[static_cast<std::size_t>(row.partition_index)];
    partition.leader = row.leader_id;
    partition.replicas = row.replica_nodes;
    partition.isr = row.isr_nodes;
  }
  return layout;
}

aio::Task<Result<Moves>> KafkaTopicAdmin::list_moves() {
  kafka::ListPartitionReassignmentsRequest request;
  request.topics = std::nullopt;
  CO_TRY_ASSIGN(const auto response, co_await client_.list_partition_reassignments(std::move(request)));
  CO_TRY(check_answer(response.error_code, response.error_message));
  Moves moves;
  for (const auto& topic : response.topics) {
    for (const auto& row : topic.partitions) {
      PartitionState& move = moves[topic.name][row.partition_index];
      move.replicas = row.replicas;
      move.adding = row.adding_replicas;
      move.removing = row.removing_replicas;
    }
  }
  co_return moves;
}

aio::Task<Result<ClusterLayout>> KafkaTopicAdmin::describe_layout() {
  kafka::MetadataRequest request;
  request.topics = std::nullopt;
  request.allow_auto_topic_creation = false;
  // Before and after: a move that ends in between would leave the replicas of its middle, and no move.
  CO_TRY_ASSIGN(const auto moves_before, co_await list_moves());
  CO_TRY_ASSIGN(const auto response, co_await client_.metadata(std::move(request)));
  CO_TRY_ASSIGN(Moves moves, co_await list_moves());
  for (const auto& [topic, partitions] : moves_before) {
    moves[topic].insert(partitions.begin(), partitions.end());
  }
  ClusterLayout layout;
  for (const auto& broker : response.brokers) {
    layout.brokers.push_back({broker.node_id, broker.rack.value_or("")});
  }
  for (const auto& topic : response.topics) {
    if (topic.error_code == 0 && topic.name) layout.topics[*topic.name] = layout_of(topic);
  }
  for (const auto& [name, partitions] : moves) {
    const auto topic = layout.topics.find(name);
    if (topic == layout.topics.end()) continue;
    for (const auto& [index, move] : partitions) {
      if (index < 0 || static_cast<std::size_t>(index) >= topic->second.size()) continue;
      PartitionState& partition = topic->second[static_cast<std::size_t>(index)];
      // The controller knows better than the broker that told the rest.
      partition.replicas = move.replicas;
      partition.adding = move.adding;
      partition.removing = move.removing;
    }
  }
  co_return layout;
}

aio::Task<Result<>> KafkaTopicAdmin::unregister(std::int32_t broker) {
  kafka::UnregisterBrokerRequest request;
  request.broker_id = broker;
  CO_TRY_ASSIGN(const auto response, co_await client_.unregister_broker(std::move(request)));
  if (response.error_code == kafka::to_wire(kafka::ErrorCode::kBrokerIdNotRegistered)) co_return Result<>();
  co_return check_answer(response.error_code, response.error_message);
}

aio::Task<Result<>> KafkaTopicAdmin::move(std::vector<PartitionMove> moves) {
  using Request = kafka::AlterPartitionReassignmentsRequest;
  std::map<std::string, Request::ReassignableTopic> by_topic;
  for (PartitionMove& move : moves) {
    Request::ReassignablePartition row;
    row.partition_index = move.partition;
    row.replicas = std::move(move.replicas);
    by_topic[move.topic].name = move.topic;
    by_topic[move.topic].partitions.push_back(std::move(row));
  }
  Request request;
  for (auto& [name, topic] : by_topic) request.topics.push_back(std::move(topic));
  CO_TRY_ASSIGN(const auto response, co_await client_.alter_partition_reassignments(std::move(request)));
  CO_TRY(check_answer(response.error_code, response.error_message));
  for (const auto& topic : response.responses) {
    for (const auto& row : topic.partitions) {
      const auto answer = check_answer(row.error_code, row.error_message);
      if (!answer) {
        co_return base::fail(answer.error().context(topic.name + "-" + std::to_string(row.partition_index)));
      }
    }
  }
  co_return Result<>();
}

}  // namespace penstock::reconcile
