// The calls of KafkaTopicAdmin about the metadata quorum.
#include "base/uuid.h"
#include "kafka/error_codes.h"
#include "kafka/messages/describe_quorum_request.h"
#include "kafka/messages/describe_quorum_response.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"
#include "operator/reconcile/kafka_answers.h"
#include "operator/reconcile/kafka_topic_admin.h"

namespace penstock::reconcile {

using base::Result;

namespace {

std::vector<QuorumReplica> replicas_of(
    const std::vector<kafka::describe_quorum_response_types::ReplicaState>& rows) {
  std::vector<QuorumReplica> replicas;
  for (const auto& row : rows) {
    replicas.push_back({row.replica_id, row.replica_directory_id.to_string(), row.log_end_offset});
  }
  return replicas;
}

}  // namespace

aio::Task<Result<QuorumState>> KafkaTopicAdmin::describe_quorum() {
  kafka::DescribeQuorumRequest request;
  auto& asked = request.topics.emplace_back();
  asked.topic_name = "__cluster_metadata";
  asked.partitions.emplace_back().partition_index = 0;
  CO_TRY_ASSIGN(const auto response, co_await client_.describe_quorum(std::move(request)));
  CO_TRY(check_answer(response.error_code, response.error_message));
  if (response.topics.empty() || response.topics.front().partitions.empty())
    co_return base::fail(no_answer("DescribeQuorum"));
  const auto& partition = response.topics.front().partitions.front();
  CO_TRY(check_answer(partition.error_code, partition.error_message));
  co_return QuorumState{partition.leader_id, partition.high_watermark, replicas_of(partition.current_voters),
                        replicas_of(partition.observers)};
}

aio::Task<Result<>> KafkaTopicAdmin::remove_voter(QuorumReplica voter) {
  kafka::RemoveRaftVoterRequest request;
  request.cluster_id = std::nullopt;
  request.voter_id = voter.id;
  CO_TRY_ASSIGN(request.voter_directory_id, base::Uuid::parse(voter.directory));
  CO_TRY_ASSIGN(const auto response, co_await client_.remove_raft_voter(std::move(request)));
  if (response.error_code == kafka::to_wire(kafka::ErrorCode::kVoterNotFound)) co_return Result<>();
  co_return check_answer(response.error_code, response.error_message);
}

}  // namespace penstock::reconcile
