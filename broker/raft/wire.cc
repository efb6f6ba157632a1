#include "broker/raft/wire.h"

#include <algorithm>

#include "broker/raft/wire_parts.h"
#include "kafka/record_batch.h"

namespace penstock::raft {

using kafka::ErrorCode;

namespace {

constexpr std::int32_t kFetchBytesMax = 8 << 20;

// The one partition of a request or response about the metadata log; null when it is about anything else.
template <typename Topics>
auto sole_partition(const Topics& topics) -> const
    typename std::remove_cvref_t<decltype(topics.front().partitions)>::value_type* {
  const auto* partition = lone_partition(topics);
  if (partition == nullptr || topics.front().topic_name != kMetadataTopic) return nullptr;
  return partition->partition_index == 0 ? partition : nullptr;
}

template <typename Topics>
auto& add_partition(Topics& topics) {
  auto& topic = topics.emplace_back();
  topic.topic_name = kMetadataTopic;
  return topic.partitions.emplace_back();
}

template <typename Request>
void add_own_endpoints(Request& request, const WireIdentity& self) {
  for (const Endpoint& endpoint : self.endpoints) {
    auto& entry = request.leader_endpoints.emplace_back();
    entry.name = endpoint.name;
    entry.host = endpoint.host;
    entry.port = endpoint.port;
  }
}

// What the answers to Vote, BeginQuorumEpoch and EndQuorumEpoch have in common.
template <typename Answer, typename Response, typename Ask>
std::optional<Heard<Answer>> read_election_answer(const Ask& ask, NodeId from, const Response& response) {
  const auto* partition = sole_partition(response.topics);
  if (response.error_code != 0 || partition == nullptr) return std::nullopt;
  Heard<Answer> heard;
  heard.answer.id = ask.id;
  heard.answer.from = from;
  heard.answer.refusal = to_refusal(partition->error_code);
  heard.answer.epoch = LeaderEpoch(partition->leader_epoch);
  heard.answer.leader = NodeId(partition->leader_id);
  heard.leader = endpoint_of(response, heard.answer.leader);
  return heard;
}

template <typename Response>
Response epoch_response(const EpochAnswer& answer, const LeaderAt& leader) {
  Response response;
  auto& partition = add_partition(response.topics);
  partition.error_code = kafka::to_wire(to_error(answer.refusal));
  partition.leader_id = answer.leader.value();
  partition.leader_epoch = answer.epoch.value();
  add_endpoint(response, leader);
  return response;
}

}  // namespace

ErrorCode to_error(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return ErrorCode::kNone;
    case Refusal::kFencedEpoch:
      return ErrorCode::kFencedLeaderEpoch;
    case Refusal::kUnknownEpoch:
      return ErrorCode::kUnknownLeaderEpoch;
    case Refusal::kNotLeader:
      return ErrorCode::kNotLeaderOrFollower;
    case Refusal::kWrongVoter:
      return ErrorCode::kInvalidVoterKey;
    case Refusal::kInvalid:
      return ErrorCode::kInvalidRequest;
    case Refusal::kUnavailable:
      return ErrorCode::kBrokerNotAvailable;
    case Refusal::kTimedOut:
      return ErrorCode::kRequestTimedOut;
    case Refusal::kDuplicateVoter:
      return ErrorCode::kDuplicateVoter;
    case Refusal::kVoterNotFound:
      return ErrorCode::kVoterNotFound;
    case Refusal::kUnsupported:
      return ErrorCode::kUnsupportedVersion;
    case Refusal::kNoSnapshot:
      return ErrorCode::kSnapshotNotFound;
    case Refusal::kOutOfRange:
      return ErrorCode::kPositionOutOfRange;
  }
  return ErrorCode::kUnknownServerError;
}

Refusal to_refusal(std::int16_t error_code) {
  switch (static_cast<ErrorCode>(error_code)) {
    case ErrorCode::kNone:
      return Refusal::kNone;
    case ErrorCode::kFencedLeaderEpoch:
      return Refusal::kFencedEpoch;
    case ErrorCode::kUnknownLeaderEpoch:
      return Refusal::kUnknownEpoch;
    case ErrorCode::kNotLeaderOrFollower:
      return Refusal::kNotLeader;
    case ErrorCode::kInvalidVoterKey:
      return Refusal::kWrongVoter;
    case ErrorCode::kInvalidRequest:
      return Refusal::kInvalid;
    case ErrorCode::kRequestTimedOut:
      return Refusal::kTimedOut;
    case ErrorCode::kDuplicateVoter:
      return Refusal::kDuplicateVoter;
    case ErrorCode::kVoterNotFound:
      return Refusal::kVoterNotFound;
    case ErrorCode::kUnsupportedVersion:
      return Refusal::kUnsupported;
    case ErrorCode::kSnapshotNotFound:
      return Refusal::kNoSnapshot;
    case ErrorCode::kPositionOutOfRange:
      return Refusal::kOutOfRange;
    default:
      return Refusal::kUnavailable;
  }
}

kafka::VoteRequest to_request(const WireIdentity& self, const VoteAsk& ask) {
  kafka::VoteRequest request;
  request.cluster_id = self.cluster_id;
  request.voter_id = ask.to.id.value();
  auto& partition = add_partition(request.topics);
  partition.replica_epoch = ask.epoch.value();
  partition.replica_id = ask.from.id.value();
  partition.replica_directory_id = ask.from.directory;
  partition.voter_directory_id = ask.to.directory;
  partition.last_offset_epoch = ask.last.epoch.value();
  partition.last_offset = ask.last.offset.value();
  partition.pre_vote = ask.is_pre_vote;
  return request;
}

kafka::BeginQuorumEpochRequest to_request(const WireIdentity& self, const BeginEpochAsk& ask) {
  kafka::BeginQuorumEpochRequest request;
  request.cluster_id = self.cluster_id;
  request.voter_id = ask.to.id.value();
  auto& partition = add_partition(request.topics);
  partition.voter_directory_id = ask.to.directory;
  partition.leader_id = ask.leader.value();
  partition.leader_epoch = ask.epoch.value();
  add_own_endpoints(request, self);
  return request;
}

kafka::EndQuorumEpochRequest to_request(const WireIdentity& self, const EndEpochAsk& ask) {
  kafka::EndQuorumEpochRequest request;
  request.cluster_id = self.cluster_id;
  auto& partition = add_partition(request.topics);
  partition.leader_id = ask.leader.value();
  partition.leader_epoch = ask.epoch.value();
  for (const ReplicaKey& key : ask.preferred) {
    partition.preferred_successors.push_back(key.id.value());
    auto& candidate = partition.preferred_candidates.emplace_back();
    candidate.candidate_id = key.id.value();
    candidate.candidate_directory_id = key.directory;
  }
  add_own_endpoints(request, self);
  return request;
}

kafka::FetchRequest to_request(const WireIdentity& self, const FetchAsk& ask) {
  kafka::FetchRequest request;
  request.cluster_id = self.cluster_id;
  request.replica_state.replica_id = ask.from.id.value();
  request.max_wait_ms =
      static_cast<std::int32_t>(std::chrono::duration_cast<base::milliseconds>(ask.wait).count());
  request.max_bytes = kFetchBytesMax;
  auto& topic = request.topics.emplace_back();
  topic.topic = kMetadataTopic;
  topic.topic_id = kMetadataTopicId;
  auto& partition = topic.partitions.emplace_back();
  partition.partition = 0;
  partition.current_leader_epoch = ask.epoch.value();
  partition.fetch_offset = ask.offset.value();
  partition.last_fetched_epoch = ask.last_fetched_epoch.value();
  partition.partition_max_bytes = kFetchBytesMax;
  partition.replica_directory_id = ask.from.directory;
  partition.high_watermark = ask.high_watermark.value();
  return request;
}

std::optional<Heard<VoteAnswer>> read_answer(const VoteAsk& ask, NodeId from,
                                             const kafka::VoteResponse& response) {
  auto heard = read_election_answer<VoteAnswer>(ask, from, response);
  if (!heard) return std::nullopt;
  const auto& partition = *sole_partition(response.topics);
  heard->answer.is_granted = partition.error_code == 0 && partition.vote_granted;
  heard->answer.is_pre_vote = ask.is_pre_vote;
  return heard;
}

std::optional<Heard<EpochAnswer>> read_answer(const BeginEpochAsk& ask, NodeId from,
                                              const kafka::BeginQuorumEpochResponse& response) {
  return read_election_answer<EpochAnswer>(ask, from, response);
}

std::optional<Heard<EpochAnswer>> read_answer(const EndEpochAsk& ask, NodeId from,
                                              const kafka::EndQuorumEpochResponse& response) {
  return read_election_answer<EpochAnswer>(ask, from, response);
}

std::optional<Heard<FetchAnswer>> read_answer(const FetchAsk& ask, NodeId from,
                                              const kafka::FetchResponse& response) {
  const auto* lone = lone_partition(response.responses);
  if (response.error_code != 0 || lone == nullptr) return std::nullopt;
  const auto& partition = *lone;
  Heard<FetchAnswer> heard{.answer = begin_answer<FetchAnswer>(ask, partition)};
  FetchAnswer& answer = heard.answer;
  // Only the leader answers without an error.
  answer.from = answer.refusal == Refusal::kNone ? answer.leader : from;
  answer.high_watermark = Offset(partition.high_watermark);
  if (partition.diverging_epoch.epoch >= 0) {
    answer.diverging = {Offset(partition.diverging_epoch.end_offset),
                        LeaderEpoch(partition.diverging_epoch.epoch)};
  }
  if (partition.snapshot_id.epoch >= 0 || partition.snapshot_id.end_offset >= 0) {
    if (partition.snapshot_id.epoch < 0 || partition.snapshot_id.end_offset < 0) return std::nullopt;
    answer.snapshot = {Offset(partition.snapshot_id.end_offset), LeaderEpoch(partition.snapshot_id.epoch)};
  }
  heard.leader = endpoint_of(response, answer.leader);
  if (!partition.records) return heard;
  // The last batch may be cut off.
  kafka::BatchCursor cursor(partition.records->bytes);
  while (true) {
    const auto batch = cursor.next();
    if (!batch) return std::nullopt;
    if (!*batch) break;
  }
  const auto whole = partition.records->bytes.first(cursor.position());
  answer.records.assign(whole.begin(), whole.end());
  return heard;
}

Asked<VoteAsk> read_ask(const WireIdentity& self, NodeId node, const kafka::VoteRequest& request) {
  if (is_other_cluster(self, request)) return std::unexpected(ErrorCode::kInconsistentClusterId);
  const auto* partition = sole_partition(request.topics);
  if (partition == nullptr || partition->last_offset < 0 || partition->last_offset_epoch < 0 ||
      partition->replica_id < 0 || partition->replica_epoch < 0) {
    return std::unexpected(ErrorCode::kInvalidRequest);
  }
  // Who stands in an epoch has no record of it yet; who only asks may have some of the epoch that it is in.
  const std::int32_t last_epoch_max = partition->replica_epoch - (partition->pre_vote ? 0 : 1);
  if (partition->last_offset_epoch > last_epoch_max) return std::unexpected(ErrorCode::kInvalidRequest);
  VoteAsk ask;
  ask.from = {NodeId(partition->replica_id), partition->replica_directory_id};
  // Version 0 does not say who is meant.
  ask.to = {request.voter_id < 0 ? node : NodeId(request.voter_id), partition->voter_directory_id};
  ask.epoch = LeaderEpoch(partition->replica_epoch);
  ask.last = {Offset(partition->last_offset), LeaderEpoch(partition->last_offset_epoch)};
  ask.is_pre_vote = partition->pre_vote;
  return ask;
}

Asked<BeginEpochAsk> read_ask(const WireIdentity& self, NodeId node,
                              const kafka::BeginQuorumEpochRequest& request) {
  if (is_other_cluster(self, request)) return std::unexpected(ErrorCode::kInconsistentClusterId);
  const auto* partition = sole_partition(request.topics);
  if (partition == nullptr || partition->leader_id < 0) return std::unexpected(ErrorCode::kInvalidRequest);
  BeginEpochAsk ask;
  ask.to = {request.voter_id < 0 ? node : NodeId(request.voter_id), partition->voter_directory_id};
  ask.leader = NodeId(partition->leader_id);
  ask.epoch = LeaderEpoch(partition->leader_epoch);
  return ask;
}

Asked<EndEpochAsk> read_ask(const WireIdentity& self, NodeId /*node*/,
                            const kafka::EndQuorumEpochRequest& request) {
  if (is_other_cluster(self, request)) return std::unexpected(ErrorCode::kInconsistentClusterId);
  const auto* partition = sole_partition(request.topics);
  if (partition == nullptr || partition->leader_id < 0) return std::unexpected(ErrorCode::kInvalidRequest);
  EndEpochAsk ask;
  ask.leader = NodeId(partition->leader_id);
  ask.epoch = LeaderEpoch(partition->leader_epoch);
  for (const auto& candidate : partition->preferred_candidates) {
    ask.preferred.push_back({NodeId(candidate.candidate_id), candidate.candidate_directory_id});
  }
  if (ask.preferred.empty()) {
    for (const std::int32_t id : partition->preferred_successors) ask.preferred.push_back({NodeId(id), {}});
  }
  return ask;
}

Asked<FetchAsk> read_ask(const WireIdentity& self, NodeId /*node*/, const kafka::FetchRequest& request) {
  if (is_other_cluster(self, request)) return std::unexpected(ErrorCode::kInconsistentClusterId);
  const auto* lone = lone_partition(request.topics);
  if (lone == nullptr) return std::unexpected(ErrorCode::kInvalidRequest);
  const auto& topic = request.topics.front();
  const auto& partition = *lone;
  const bool is_metadata = topic.topic == kMetadataTopic || topic.topic_id == kMetadataTopicId;
  if (!is_metadata || partition.partition != 0) return std::unexpected(ErrorCode::kUnknownTopicOrPartition);
  if (request.max_wait_ms < 0 || partition.fetch_offset < 0 || partition.last_fetched_epoch < 0 ||
      partition.last_fetched_epoch > partition.current_leader_epoch) {
    return std::unexpected(ErrorCode::kInvalidRequest);
  }
  FetchAsk ask;
  const std::int32_t replica =
      request.replica_state.replica_id >= 0 ? request.replica_state.replica_id : request.replica_id;
  ask.from = {NodeId(replica), partition.replica_directory_id};
  ask.epoch = LeaderEpoch(partition.current_leader_epoch);
  ask.offset = Offset(partition.fetch_offset);
  ask.last_fetched_epoch = LeaderEpoch(partition.last_fetched_epoch);
  ask.high_watermark = Offset(partition.high_watermark);
  ask.wait = base::milliseconds(request.max_wait_ms);
  return ask;
}

kafka::VoteResponse to_response(const VoteAnswer& answer, const LeaderAt& leader) {
  kafka::VoteResponse response;
  auto& partition = add_partition(response.topics);
  partition.error_code = kafka::to_wire(to_error(answer.refusal));
  partition.leader_id = answer.leader.value();
  partition.leader_epoch = answer.epoch.value();
  partition.vote_granted = answer.is_granted;
  add_endpoint(response, leader);
  return response;
}

kafka::BeginQuorumEpochResponse to_begin_response(const EpochAnswer& answer, const LeaderAt& leader) {
  return epoch_response<kafka::BeginQuorumEpochResponse>(answer, leader);
}

kafka::EndQuorumEpochResponse to_end_response(const EpochAnswer& answer, const LeaderAt& leader) {
  return epoch_response<kafka::EndQuorumEpochResponse>(answer, leader);
}

kafka::FetchResponse to_response(FetchAnswer answer, const LeaderAt& leader, Offset log_start) {
  kafka::FetchResponse response;
  auto& topic = response.responses.emplace_back();
  topic.topic = kMetadataTopic;
  topic.topic_id = kMetadataTopicId;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = kafka::to_wire(to_error(answer.refusal));
  partition.high_watermark = answer.high_watermark.value();
  partition.log_start_offset = log_start.value();
  partition.current_leader.leader_id = answer.leader.value();
  partition.current_leader.leader_epoch = answer.epoch.value();
  if (answer.diverging) {
    partition.diverging_epoch.epoch = answer.diverging->epoch.value();
    partition.diverging_epoch.end_offset = answer.diverging->offset.value();
  }
  if (answer.snapshot) {
    partition.snapshot_id.epoch = answer.snapshot->epoch.value();
    partition.snapshot_id.end_offset = answer.snapshot->offset.value();
  }
  partition.records = kafka::RecordsRef::shared(std::move(answer.records));
  add_endpoint(response, leader);
  return response;
}

}  // namespace penstock::raft
