// AlterPartition: a leader says who is in sync. AssignReplicasToDirs: a broker says where a replica lives.
#include <algorithm>

#include "broker/metadata/controller.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

using Ask = kafka::AlterPartitionRequest::PartitionData;

std::vector<std::int32_t> isr_of(const Ask& ask) {
  if (ask.new_isr_with_epochs.empty()) return ask.new_isr;
  std::vector<std::int32_t> isr;
  for (const auto& state : ask.new_isr_with_epochs) isr.push_back(state.broker_id);
  return isr;
}

ErrorCode check_isr(const MetadataImage& image, const Partition& partition, const Ask& ask,
                    std::int32_t sender) {
  // Newer than what we know: this node is not the controller that the leader thinks it is.
  if (ask.leader_epoch > partition.leader_epoch || ask.partition_epoch > partition.partition_epoch) {
    return ErrorCode::kNotController;
  }
  if (ask.leader_epoch < partition.leader_epoch) return ErrorCode::kFencedLeaderEpoch;
  if (partition.leader != sender) return ErrorCode::kInvalidRequest;
  if (ask.partition_epoch < partition.partition_epoch) return ErrorCode::kInvalidUpdateVersion;
  const auto isr = isr_of(ask);
  if (std::ranges::find(isr, sender) == isr.end()) return ErrorCode::kInvalidRequest;
  for (std::size_t i = 0; i < isr.size(); ++i) {
    if (std::count(isr.begin(), isr.end(), isr[i]) != 1) return ErrorCode::kInvalidRequest;
    if (!partition.has_replica(kafka::NodeId(isr[i]))) return ErrorCode::kInvalidRequest;
  }
  const auto recovery = ask.leader_recovery_state;
  if (recovery != kRecovered && recovery != kRecovering) return ErrorCode::kInvalidRequest;
  if (recovery == kRecovering && (isr.size() > 1 || partition.leader_recovery_state == kRecovered)) {
    return ErrorCode::kInvalidRequest;
  }
  for (const std::int32_t id : isr) {
    const auto* broker = image.broker(kafka::NodeId(id));
    if (broker == nullptr || !broker->is_active()) return ErrorCode::kIneligibleReplica;
  }
  for (const auto& state : ask.new_isr_with_epochs) {
    const auto* broker = image.broker(kafka::NodeId(state.broker_id));
    if (state.broker_epoch != -1 && broker->epoch != kafka::BrokerEpoch(state.broker_epoch)) {
      return ErrorCode::kIneligibleReplica;
    }
  }
  return ErrorCode::kNone;
}

// What the partition is after the change, for the leader that asked for it.
ErrorCode answer_change(const Partition& before, std::optional<kafka::PartitionChangeRecord> record,
                        kafka::AlterPartitionResponse::PartitionData& result, Records& records) {
  const bool is_led_anew = record && record->leader >= kNoLeader;
  const bool is_leader_replaced = is_led_anew && record->leader != before.leader;
  if (!is_leader_replaced) {
    result.leader_id = before.leader;
    result.leader_epoch = before.leader_epoch + (is_led_anew ? 1 : 0);
    result.isr = record && record->isr ? *record->isr : before.isr;
    result.leader_recovery_state = record && record->leader_recovery_state >= 0
                                       ? record->leader_recovery_state
                                       : before.leader_recovery_state;
    result.partition_epoch = before.partition_epoch + (record ? 1 : 0);
  }
  if (record) records.emplace_back(std::move(*record));
  // The new ISR has completed a reassignment that takes the leader away: the change is made, and the leader
  // has to learn of it before it asks again.
  return is_leader_replaced ? ErrorCode::kNewLeaderElected : ErrorCode::kNone;
}

}  // namespace

Decision<kafka::AlterPartitionResponse> Controller::alter_partition(
    const kafka::AlterPartitionRequest& request) const {
  Decision<kafka::AlterPartitionResponse> decision;
  if (const Refused refused = check_broker_epoch(request.broker_id, request.broker_epoch)) {
    decision.response.error_code = to_wire(refused.code);
    return decision;
  }
  std::set<std::pair<base::Uuid, std::int32_t>> seen;
  for (const auto& asked_topic : request.topics) {
    kafka::AlterPartitionResponse::TopicData topic_result;
    topic_result.topic_id = asked_topic.topic_id;
    const auto topic = image().topic(asked_topic.topic_id);
    for (const auto& ask : asked_topic.partitions) {
      kafka::AlterPartitionResponse::PartitionData result;
      result.partition_index = ask.partition_index;
      const Partition* partition =
          topic ? topic->partition(kafka::PartitionId(ask.partition_index)) : nullptr;
      ErrorCode error = ErrorCode::kNone;
      if (!topic) {
        error = ErrorCode::kUnknownTopicId;
      } else if (partition == nullptr) {
        error = ErrorCode::kUnknownTopicOrPartition;
      } else if (!seen.emplace(topic->id, ask.partition_index).second) {
        error = ErrorCode::kInvalidUpdateVersion;  // Decided once already, one epoch on.
      } else {
        error = check_isr(image(), *partition, ask, request.broker_id);
      }
      if (error == ErrorCode::kNone) {
        auto change = start_change(*topic, rules_of(topic->name), ask.partition_index, *partition);
        change.isr = isr_of(ask);
        change.recovery_state = ask.leader_recovery_state;
        error = answer_change(*partition, build_change(std::move(change)), result, decision.records);
      }
      result.error_code = to_wire(error);
      topic_result.partitions.push_back(std::move(result));
    }
    decision.response.topics.push_back(std::move(topic_result));
  }
  return decision;
}

Decision<kafka::AssignReplicasToDirsResponse> Controller::assign_replicas_to_dirs(
    const kafka::AssignReplicasToDirsRequest& request) const {
  Decision<kafka::AssignReplicasToDirsResponse> decision;
  if (const Refused refused = check_broker_epoch(request.broker_id, request.broker_epoch)) {
    decision.response.error_code = to_wire(refused.code);
    return decision;
  }
  for (const auto& directory : request.directories) {
    auto& directory_result = decision.response.directories.emplace_back();
    directory_result.id = directory.id;
    for (const auto& topic : directory.topics) {
      auto& topic_result = directory_result.topics.emplace_back();
      topic_result.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        auto& result = topic_result.partitions.emplace_back();
        result.partition_index = partition.partition_index;
        result.error_code = to_wire(assign_replica(request.broker_id, directory.id, topic.topic_id,
                                                   partition.partition_index, decision.records));
      }
    }
  }
  return decision;
}

ErrorCode Controller::assign_replica(std::int32_t broker, const base::Uuid& directory,
                                     const base::Uuid& topic_id, std::int32_t index, Records& records) const {
  const auto topic = image().topic(topic_id);
  if (!topic) return ErrorCode::kUnknownTopicId;
  const Partition* partition = topic->partition(kafka::PartitionId(index));
  if (partition == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  if (!partition->has_replica(kafka::NodeId(broker))) return ErrorCode::kNotLeaderOrFollower;
  // A replica that moved to a directory that is gone has lost its data.
  const auto& online = image().broker(kafka::NodeId(broker))->directories;
  const bool is_lost = std::ranges::find(online, directory) == online.end();
  Movement movement;
  if (is_lost) movement.lossy = broker;
  auto change = start_change(*topic, rules_of(topic->name), index, *partition, movement);
  change.directories[broker] = directory;
  if (!is_lost) {
    // From here on it may lead, if nobody does.
    change.may_lead = [this, broker, others = std::move(change.may_lead)](std::int32_t id) {
      return id == broker ? is_active(broker) : others(id);
    };
  }
  if (auto record = build_change(std::move(change))) records.emplace_back(std::move(*record));
  return ErrorCode::kNone;
}

}  // namespace penstock::metadata
