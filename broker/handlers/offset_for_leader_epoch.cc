// OffsetForLeaderEpoch: where an epoch ends, so that a reader finds out whether its log was truncated
// (KIP-320).
#include "broker/handlers/access.h"
#include "broker/handlers/partition_lookup.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/visit.h"
#include "kafka/messages/offset_for_leader_epoch_request.h"
#include "kafka/messages/offset_for_leader_epoch_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::OffsetForLeaderEpochRequest;
using kafka::OffsetForLeaderEpochResponse;
using security::Operation;
using Row = OffsetForLeaderEpochResponse::EpochEndOffset;

struct Wanted {
  std::size_t topic;
  std::size_t partition;
  kafka::LeaderEpoch epoch;
  kafka::LeaderEpoch current_leader_epoch;
};

struct Answer {
  ErrorCode error = ErrorCode::kNotLeaderOrFollower;
  storage::EpochEndOffset end;
};

Answer look_up(const replication::Partition& partition, const Wanted& wanted) {
  Answer answer{.error = partition.check_leader(wanted.current_leader_epoch)};
  if (answer.error == ErrorCode::kNone) answer.end = partition.end_of_epoch(wanted.epoch);
  return answer;
}

aio::Task<OffsetForLeaderEpochResponse> handle(RequestContext& context, OffsetForLeaderEpochRequest request) {
  const metadata::ImagePtr image = context.services.images->current();
  OffsetForLeaderEpochResponse response;
  std::vector<replication::PartitionKey> keys;
  std::vector<Wanted> wanted;
  for (const auto& data : request.topics) {
    const TopicLookup topic = look_up_topic(*image, data.topic, {}, false);
    // Another broker's follower asks too.
    const bool is_allowed = may_on_topic(context, Operation::kDescribe, data.topic) ||
                            may_on_cluster(context, Operation::kClusterAction);
    auto& result = response.topics.emplace_back();
    result.topic = data.topic;
    for (const auto& partition : data.partitions) {
      Row& row = result.partitions.emplace_back();
      row.partition = partition.partition;
      ErrorCode error = is_allowed ? topic.error : ErrorCode::kTopicAuthorizationFailed;
      PartitionLookup found;
      if (error == ErrorCode::kNone) {
        found = look_up_partition(*topic.topic, partition.partition, context.services.node_id);
        error = found.error;
      }
      row.error_code = kafka::to_wire(error);
      if (error != ErrorCode::kNone) continue;
      keys.push_back(found.key);
      wanted.push_back({.topic = response.topics.size() - 1,
                        .partition = result.partitions.size() - 1,
                        .epoch = kafka::LeaderEpoch(partition.leader_epoch),
                        .current_leader_epoch = kafka::LeaderEpoch(partition.current_leader_epoch)});
    }
  }
  std::vector<Answer> answers(keys.size());
  auto visit = [&](std::size_t i, replication::Partition* partition) {
    if (partition != nullptr) answers[i] = look_up(*partition, wanted[i]);
  };
  co_await replication::visit_partitions(*context.services.replicas, context.reactor, keys, visit);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Row& row = response.topics[wanted[i].topic].partitions[wanted[i].partition];
    row.error_code = kafka::to_wire(answers[i].error);
    row.leader_epoch = answers[i].end.epoch.value();
    row.end_offset = answers[i].end.end_offset.value();
  }
  co_return response;
}

}  // namespace

extern const Handler offset_for_leader_epoch_handler =
    make_handler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, handle>();

}  // namespace penstock::handlers
