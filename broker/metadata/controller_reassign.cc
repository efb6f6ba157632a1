// AlterPartitionReassignments and ListPartitionReassignments.
//
// A reassignment adds the new replicas first, waits until every replica that stays is in sync (build_change()
// sees that, whatever brings it about), and then drops the others.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

using Ids = std::vector<std::int32_t>;

bool contains(const Ids& ids, std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); }

Ids without(const Ids& ids, const Ids& removed) {
  Ids rest;
  std::ranges::copy_if(ids, std::back_inserter(rest),
                       [&](std::int32_t id) { return !contains(removed, id); });
  return rest;
}

Refused unknown_partition(const std::string& topic, std::int32_t index) {
  return {ErrorCode::kUnknownTopicOrPartition, fmt::format("Unable to find partition {}:{}.", topic, index)};
}

}  // namespace

Decision<kafka::AlterPartitionReassignmentsResponse> Controller::alter_partition_reassignments(
    const kafka::AlterPartitionReassignmentsRequest& request) const {
  Decision<kafka::AlterPartitionReassignmentsResponse> decision;
  auto& response = decision.response;
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  response.error_message.reset();
  // Twice the same partition: the second would be decided on what the first has not made yet.
  std::set<std::pair<std::string, std::int32_t>> seen;
  for (const auto& topic : request.topics) {
    kafka::AlterPartitionReassignmentsResponse::ReassignableTopicResponse topic_result;
    topic_result.name = topic.name;
    for (const auto& target : topic.partitions) {
      Refused refused;
      if (!seen.emplace(topic.name, target.partition_index).second) {
        refused = {ErrorCode::kInvalidRequest, "The partition is named more than once."};
      } else if (decision.records.size() >= kRecordsPerOperationMax) {
        refused = {ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation."};
      } else {
        refused = reassign(topic.name, target, request.allow_replication_factor_change, decision.records);
      }
      kafka::AlterPartitionReassignmentsResponse::ReassignablePartitionResponse result;
      result.partition_index = target.partition_index;
      result.error_code = to_wire(refused.code);
      result.error_message.reset();
      if (refused) result.error_message = refused.message;
      topic_result.partitions.push_back(std::move(result));
    }
    response.responses.push_back(std::move(topic_result));
  }
  return decision;
}

Refused Controller::reassign(const std::string& topic_name,
                             const kafka::AlterPartitionReassignmentsRequest::ReassignablePartition& target,
                             bool may_change_factor, Records& records) const {
  const auto topic = image().topic(topic_name);
  if (!topic) {
    return {ErrorCode::kUnknownTopicOrPartition, fmt::format("Unable to find a topic named {}.", topic_name)};
  }
  const Partition* partition = topic->partition(kafka::PartitionId(target.partition_index));
  if (partition == nullptr) return unknown_partition(topic_name, target.partition_index);
  if (!target.replicas) return cancel_reassignment(*topic, target.partition_index, records);

  if (auto refused = check_registered(*target.replicas)) return refused;
  const std::size_t factor = without(partition->replicas, partition->removing_replicas).size();
  if (!may_change_factor && factor != target.replicas->size()) {
    return {ErrorCode::kInvalidReplicationFactor,
            fmt::format("The replication factor is changed from {} to {}", factor, target.replicas->size())};
  }
  auto change = start_change(*topic, rules_of(topic_name), target.partition_index, *partition);
  change.removing = without(partition->replicas, *target.replicas);
  change.adding = without(*target.replicas, partition->replicas);
  std::ranges::sort(change.removing);
  std::ranges::sort(change.adding);
  change.replicas = *target.replicas;
  change.replicas.insert(change.replicas.end(), change.removing.begin(), change.removing.end());
  for (const std::int32_t id : change.adding) change.directories[id] = default_directory(id);
  if (auto record = build_change(std::move(change))) records.emplace_back(std::move(*record));
  return {};
}

Refused Controller::cancel_reassignment(const Topic& topic, std::int32_t index, Records& records) const {
  const Partition& partition = *topic.partition(kafka::PartitionId(index));
  if (!partition.is_being_reassigned()) {
    return {ErrorCode::kNoReassignmentInProgress,
            std::string(kafka::error_message(ErrorCode::kNoReassignmentInProgress))};
  }
  const TopicRules rules = rules_of(topic.name);
  auto change = start_change(topic, rules, index, partition);
  change.replicas = without(partition.replicas, partition.adding_replicas);
  change.isr = without(partition.isr, partition.adding_replicas);
  change.removing.clear();
  change.adding.clear();
  if (change.replicas.empty()) {
    return {ErrorCode::kInvalidReplicaAssignment,
            "Invalid replica assignment: addingReplicas contains all replicas."};
  }
  // Everybody in sync is a replica that goes: only the ELR or an unclean election can lead on.
  const bool is_unclean = change.isr.empty() && !partition.isr.empty();
  if (is_unclean && !rules.is_unclean_allowed) {
    return {ErrorCode::kInvalidReplicaAssignment,
            fmt::format("Unable to revert partition assignment for {}:{} because it would require an unclean "
                        "leader election.",
                        topic.name, index)};
  }
  const auto may_lead = [&](std::int32_t id) { return change.may_lead(id); };
  if (change.isr.empty() && !is_elr_enabled() && std::ranges::none_of(change.replicas, may_lead)) {
    change.isr = {change.replicas.front()};  // Without the ELR an ISR is never empty.
  }
  if (auto record = build_change(std::move(change))) records.emplace_back(std::move(*record));
  return {};
}

Decision<kafka::ListPartitionReassignmentsResponse> Controller::list_partition_reassignments(
    const kafka::ListPartitionReassignmentsRequest& request) const {
  Decision<kafka::ListPartitionReassignmentsResponse> decision;
  const auto add = [&](const Topic& topic, const std::vector<std::int32_t>* wanted) {
    kafka::ListPartitionReassignmentsResponse::OngoingTopicReassignment ongoing;
    ongoing.name = topic.name;
    for (std::int32_t i = 0; i < topic.partition_count(); ++i) {
      const Partition* partition = topic.partition(kafka::PartitionId(i));
      if (partition == nullptr || !partition->is_being_reassigned()) continue;
      if (wanted != nullptr && std::ranges::find(*wanted, i) == wanted->end()) continue;
      kafka::ListPartitionReassignmentsResponse::OngoingPartitionReassignment entry;
      entry.partition_index = i;
      entry.replicas = partition->replicas;
      entry.adding_replicas = partition->adding_replicas;
      entry.removing_replicas = partition->removing_replicas;
      ongoing.partitions.push_back(std::move(entry));
    }
    if (!ongoing.partitions.empty()) decision.response.topics.push_back(std::move(ongoing));
  };
  if (request.topics) {
    for (const auto& wanted : *request.topics) {
      if (const auto topic = image().topic(wanted.name)) add(*topic, &wanted.partition_indexes);
    }
  } else {
    for (const auto& topic : image().topics()) add(*topic, nullptr);
  }
  return decision;
}

}  // namespace penstock::metadata
