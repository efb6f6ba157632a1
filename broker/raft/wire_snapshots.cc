// FetchSnapshot, as Kafka has it.
#include "broker/raft/wire_parts.h"

namespace penstock::raft {

using kafka::ErrorCode;

kafka::FetchSnapshotRequest to_request(const WireIdentity& self, const SnapshotAsk& ask) {
  kafka::FetchSnapshotRequest request;
  request.cluster_id = self.cluster_id;
  request.replica_id = ask.from.id.value();
  request.max_bytes = ask.bytes_max;
  auto& topic = request.topics.emplace_back();
  topic.name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  partition.current_leader_epoch = ask.epoch.value();
  partition.snapshot_id.end_offset = ask.snapshot.offset.value();
  partition.snapshot_id.epoch = ask.snapshot.epoch.value();
  partition.position = ask.position;
  partition.replica_directory_id = ask.from.directory;
  return request;
}

std::optional<Heard<SnapshotAnswer>> read_answer(const SnapshotAsk& ask, NodeId from,
                                                 const kafka::FetchSnapshotResponse& response) {
  const auto* lone = lone_partition(response.topics);
  if (response.error_code != 0 || lone == nullptr) return std::nullopt;
  const auto& partition = *lone;
  Heard<SnapshotAnswer> heard{.answer = begin_answer<SnapshotAnswer>(ask, partition)};
  SnapshotAnswer& answer = heard.answer;
  // Only the leader looks for snapshots.
  const bool is_leaders = answer.refusal == Refusal::kNone || answer.refusal == Refusal::kNoSnapshot ||
                          answer.refusal == Refusal::kOutOfRange;
  answer.from = is_leaders ? answer.leader : from;
  answer.snapshot = {Offset(partition.snapshot_id.end_offset), LeaderEpoch(partition.snapshot_id.epoch)};
  answer.size_bytes = partition.size;
  answer.position = partition.position;
  const auto& piece = partition.unaligned_records.bytes;
  answer.piece.assign(piece.begin(), piece.end());
  heard.leader = endpoint_of(response, answer.leader);
  return heard;
}

Asked<SnapshotAsk> read_ask(const WireIdentity& self, NodeId /*node*/,
                            const kafka::FetchSnapshotRequest& request) {
  if (is_other_cluster(self, request)) return std::unexpected(ErrorCode::kInconsistentClusterId);
  const auto* lone = lone_partition(request.topics);
  if (lone == nullptr) return std::unexpected(ErrorCode::kInvalidRequest);
  const auto& partition = *lone;
  if (request.topics.front().name != kMetadataTopic || partition.partition != 0) {
    return std::unexpected(ErrorCode::kUnknownTopicOrPartition);
  }
  SnapshotAsk ask;
  ask.from = {NodeId(request.replica_id), partition.replica_directory_id};
  ask.epoch = LeaderEpoch(partition.current_leader_epoch);
  ask.snapshot = {Offset(partition.snapshot_id.end_offset), LeaderEpoch(partition.snapshot_id.epoch)};
  ask.position = partition.position;
  ask.bytes_max = request.max_bytes;
  return ask;
}

kafka::FetchSnapshotResponse to_response(SnapshotAnswer answer, const LeaderAt& leader) {
  kafka::FetchSnapshotResponse response;
  auto& topic = response.topics.emplace_back();
  topic.name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = kafka::to_wire(to_error(answer.refusal));
  partition.current_leader.leader_id = answer.leader.value();
  partition.current_leader.leader_epoch = answer.epoch.value();
  add_endpoint(response, leader);
  if (answer.refusal != Refusal::kNone) return response;
  partition.snapshot_id.end_offset = answer.snapshot.offset.value();
  partition.snapshot_id.epoch = answer.snapshot.epoch.value();
  partition.size = answer.size_bytes;
  partition.position = answer.position;
  partition.unaligned_records = kafka::RecordsRef::shared(std::move(answer.piece));
  return response;
}

kafka::FetchSnapshotResponse refuse_snapshot(const kafka::FetchSnapshotRequest& request, ErrorCode code) {
  kafka::FetchSnapshotResponse response;
  if (code != ErrorCode::kUnknownTopicOrPartition) {
    response.error_code = kafka::to_wire(code);
    return response;
  }
  // Of the partition, by the names that it was asked by.
  const auto& asked = request.topics.front();
  auto& topic = response.topics.emplace_back();
  topic.name = asked.name;
  auto& partition = topic.partitions.emplace_back();
  partition.index = asked.partitions.front().partition;
  partition.error_code = kafka::to_wire(code);
  return response;
}

}  // namespace penstock::raft
