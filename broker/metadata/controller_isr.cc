// AlterPartition: a leader says who is in sync.
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
  if (ask.leader_recovery_state == 1 && (isr.size() > 1 || partition.leader_recovery_state == 0)) {
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

}  // namespace

Decision<kafka::AlterPartitionResponse> Controller::alter_partition(
    const kafka::AlterPartitionRequest& request) const {
  Decision<kafka::AlterPartitionResponse> decision;
  const auto* sender = image().broker(kafka::NodeId(request.broker_id));
  if (sender == nullptr || sender->epoch != kafka::BrokerEpoch(request.broker_epoch)) {
    decision.response.error_code = to_wire(ErrorCode::kStaleBrokerEpoch);
    return decision;
  }
  for (const auto& asked_topic : request.topics) {
    kafka::AlterPartitionResponse::TopicData topic_result;
    topic_result.topic_id = asked_topic.topic_id;
    const auto topic = image().topic(asked_topic.topic_id);
    for (const auto& ask : asked_topic.partitions) {
      kafka::AlterPartitionResponse::PartitionData result;
      result.partition_index = ask.partition_index;
      const Partition* partition =
          topic ? topic->partition(kafka::PartitionId(ask.partition_index)) : nullptr;
      const ErrorCode error = !topic                 ? ErrorCode::kUnknownTopicId
                              : partition == nullptr ? ErrorCode::kUnknownTopicOrPartition
                                                     : check_isr(image(), *partition, ask, request.broker_id);
      if (error != ErrorCode::kNone) {
        result.error_code = to_wire(error);
        topic_result.partitions.push_back(std::move(result));
        continue;
      }
      const auto isr = isr_of(ask);
      kafka::PartitionChangeRecord record;
      record.partition_id = ask.partition_index;
      record.topic_id = asked_topic.topic_id;
      if (isr != partition->isr) record.isr = isr;
      if (ask.leader_recovery_state != partition->leader_recovery_state) {
        record.leader_recovery_state = ask.leader_recovery_state;
      }
      const bool is_change = record.isr || record.leader_recovery_state >= 0;
      result.leader_id = partition->leader;
      result.leader_epoch = partition->leader_epoch;
      result.isr = isr;
      result.leader_recovery_state = ask.leader_recovery_state;
      result.partition_epoch = partition->partition_epoch + (is_change ? 1 : 0);
      if (is_change) decision.records.emplace_back(std::move(record));
      topic_result.partitions.push_back(std::move(result));
    }
    decision.response.topics.push_back(std::move(topic_result));
  }
  return decision;
}

}  // namespace penstock::metadata
