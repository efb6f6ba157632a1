// Placement of replicas, manual assignments, CreatePartitions.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/replica_placer.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

Refused Controller::place(std::int32_t partitions, std::int16_t replicas,
                          std::vector<std::vector<std::int32_t>>& placement) {
  auto placed = place_replicas(image(), partitions, replicas, random_);
  if (!placed) {
    return {ErrorCode::kInvalidReplicationFactor,
            fmt::format("Unable to replicate the partition {} time(s): {}", replicas, placed.error().what())};
  }
  placement = std::move(*placed);
  return {};
}

Refused Controller::check_registered(const std::vector<std::int32_t>& brokers) const {
  const auto refuse = [](std::string message) {
    return Refused{ErrorCode::kInvalidReplicaAssignment, std::move(message)};
  };
  if (brokers.empty()) return refuse("The manual partition assignment includes an empty replica list.");
  std::set<std::int32_t> seen;
  for (const std::int32_t id : brokers) {
    if (!seen.insert(id).second) {
      return refuse(
          fmt::format("The manual partition assignment includes the broker {} more than once.", id));
    }
    if (image().broker(kafka::NodeId(id)) == nullptr) {
      return refuse(fmt::format(
          "The manual partition assignment includes broker {}, but no such broker is registered.", id));
    }
  }
  return {};
}

Refused Controller::check_assignment(std::int32_t partition, const std::vector<std::int32_t>& brokers,
                                     std::size_t replicas_expected) const {
  if (auto refused = check_registered(brokers)) return refused;
  if (replicas_expected != 0 && brokers.size() != replicas_expected) {
    return {ErrorCode::kInvalidReplicaAssignment,
            fmt::format("The manual partition assignment includes a partition with {} replica(s), but this "
                        "is not consistent with previous partitions, which have {} replica(s).",
                        brokers.size(), replicas_expected)};
  }
  if (std::ranges::none_of(brokers, [this](std::int32_t id) { return is_active(id); })) {
    return {ErrorCode::kInvalidReplicaAssignment,
            fmt::format("All brokers specified in the manual partition assignment for partition {} are "
                        "fenced or in controlled shutdown.",
                        partition)};
  }
  return {};
}

Refused Controller::place_new_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                                    std::vector<std::vector<std::int32_t>>& placement) {
  if (topic.assignments.empty()) {
    if (topic.replication_factor < -1 || topic.replication_factor == 0) {
      return {ErrorCode::kInvalidReplicationFactor,
              "Replication factor must be larger than 0, or -1 to use the default value."};
    }
    if (topic.num_partitions < -1 || topic.num_partitions == 0) {
      return {ErrorCode::kInvalidPartitions,
              "Number of partitions must be larger than 0, or -1 to use the default value."};
    }
    const auto partitions = topic.num_partitions == -1 ? options_.default_partitions : topic.num_partitions;
    const auto replicas =
        topic.replication_factor == -1 ? options_.default_replication_factor : topic.replication_factor;
    if (static_cast<std::size_t>(partitions) > kRecordsPerOperationMax) {
      return {ErrorCode::kPolicyViolation, "Excessively large number of partitions per request."};
    }
    return place(partitions, replicas, placement);
  }
  if (topic.replication_factor != -1) {
    return {ErrorCode::kInvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1."};
  }
  if (topic.num_partitions != -1) {
    return {ErrorCode::kInvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1."};
  }
  std::map<std::int32_t, const std::vector<std::int32_t>*> by_index;
  for (const auto& assignment : topic.assignments) {
    if (!by_index.emplace(assignment.partition_index, &assignment.broker_ids).second) {
      return {ErrorCode::kInvalidReplicaAssignment,
              fmt::format("Found multiple manual partition assignments for partition {}",
                          assignment.partition_index)};
    }
  }
  for (const auto& [index, brokers] : by_index) {
    if (index != static_cast<std::int32_t>(placement.size())) {
      return {ErrorCode::kInvalidReplicaAssignment,
              "partitions should be a consecutive 0-based integer sequence"};
    }
    const std::size_t expected = placement.empty() ? 0 : placement.front().size();
    if (auto refused = check_assignment(index, *brokers, expected)) return refused;
    placement.push_back(*brokers);
  }
  return {};
}

Refused Controller::partition_record(const base::Uuid& topic, std::int32_t index,
                                     const std::vector<std::int32_t>& replicas, Records& records) const {
  kafka::PartitionRecord record;
  record.partition_id = index;
  record.topic_id = topic;
  record.replicas = replicas;
  for (const std::int32_t id : replicas) {
    if (is_active(id)) record.isr.push_back(id);
    record.directories.push_back(default_directory(id));
  }
  if (record.isr.empty()) {
    return {ErrorCode::kInvalidReplicationFactor,
            "Unable to replicate the partition: all brokers are currently fenced or in controlled shutdown."};
  }
  record.leader = record.isr.front();
  record.leader_epoch = 0;
  record.partition_epoch = 0;
  records.emplace_back(std::move(record));
  return {};
}

Refused Controller::add_partitions(const kafka::CreatePartitionsRequest::CreatePartitionsTopic& request,
                                   Records& records, std::size_t records_total) {
  const auto topic = image().topic(request.name);
  if (!topic) {
    return {ErrorCode::kUnknownTopicOrPartition,
            std::string(kafka::error_message(ErrorCode::kUnknownTopicOrPartition))};
  }
  const std::int32_t have = topic->partition_count();
  if (request.count == have) {
    return {ErrorCode::kInvalidPartitions, fmt::format("Topic already has {} partition(s).", have)};
  }
  if (request.count < have) {
    return {ErrorCode::kInvalidPartitions,
            fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                        request.name, have, request.count)};
  }
  const std::int32_t added = request.count - have;
  if (records_total + static_cast<std::size_t>(added) > kRecordsPerOperationMax) {
    return {ErrorCode::kPolicyViolation, "Excessively large number of partitions per request."};
  }
  const Partition* first = topic->partition(kafka::PartitionId(0));
  const std::size_t replicas = first == nullptr ? 1 : first->replicas.size();
  std::vector<std::vector<std::int32_t>> placement;
  if (request.assignments) {
    if (request.assignments->size() != static_cast<std::size_t>(added)) {
      return {ErrorCode::kInvalidReplicaAssignment,
              fmt::format(
                  "Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                  added, request.assignments->size())};
    }
    for (const auto& assignment : *request.assignments) {
      const auto index = have + static_cast<std::int32_t>(placement.size());
      if (auto refused = check_assignment(index, assignment.broker_ids, replicas)) return refused;
      placement.push_back(assignment.broker_ids);
    }
  } else if (auto refused = place(added, static_cast<std::int16_t>(replicas), placement)) {
    return refused;
  }
  for (std::size_t i = 0; i < placement.size(); ++i) {
    const auto index = have + static_cast<std::int32_t>(i);
    if (auto refused = partition_record(topic->id, index, placement[i], records)) return refused;
  }
  return {};
}

Decision<kafka::CreatePartitionsResponse> Controller::create_partitions(
    const kafka::CreatePartitionsRequest& request) {
  Decision<kafka::CreatePartitionsResponse> decision;
  std::map<std::string, int> counts;
  for (const auto& topic : request.topics) ++counts[topic.name];
  std::set<std::string> answered;
  for (const auto& topic : request.topics) {
    if (!answered.insert(topic.name).second) continue;
    kafka::CreatePartitionsResponse::CreatePartitionsTopicResult result;
    result.name = topic.name;
    Records records;
    const Refused refused = counts[topic.name] > 1
                                ? Refused{ErrorCode::kInvalidRequest, "Duplicate topic name."}
                                : add_partitions(topic, records, decision.records.size());
    if (refused) {
      result.error_code = to_wire(refused.code);
      result.error_message = refused.message;
    } else if (!request.validate_only) {
      decision.records.insert(decision.records.end(), records.begin(), records.end());
    }
    decision.response.results.push_back(std::move(result));
  }
  return decision;
}

}  // namespace penstock::metadata
