// DeleteRecords: moves the beginning of partitions (KIP-107). Answered when every replica in service has
// followed.
#include <algorithm>

#include "broker/handlers/access.h"
#include "broker/handlers/partition_lookup.h"
#include "broker/handlers/topic_view.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/replica_manager.h"
#include "kafka/messages/delete_records_request.h"
#include "kafka/messages/delete_records_response.h"

namespace penstock::handlers {

namespace {

using kafka::DeleteRecordsRequest;
using kafka::DeleteRecordsResponse;
using kafka::ErrorCode;
using security::Operation;
using Row = DeleteRecordsResponse::DeleteRecordsPartitionResult;

struct Wanted {
  std::size_t topic;
  std::size_t partition;
};

// Why nothing of the topic may be deleted, or none.
ErrorCode check_topic(const RequestContext& context, std::string_view name, const TopicLookup& topic) {
  if (!may_on_topic(context, Operation::kDelete, name)) return ErrorCode::kTopicAuthorizationFailed;
  if (topic.error != ErrorCode::kNone) return topic.error;
  return is_internal_topic(name) ? ErrorCode::kInvalidTopicException : ErrorCode::kNone;
}

aio::Task<DeleteRecordsResponse> handle(RequestContext& context, DeleteRecordsRequest request) {
  const metadata::ImagePtr image = context.services.images->current();
  DeleteRecordsResponse response;
  std::vector<replication::PartitionSet::Deletion> deletions;
  std::vector<Wanted> wanted;
  for (const auto& data : request.topics) {
    const TopicLookup topic = look_up_topic(*image, data.name, {}, false);
    const ErrorCode topic_error = check_topic(context, data.name, topic);
    auto& result = response.topics.emplace_back();
    result.name = data.name;
    for (const auto& partition : data.partitions) {
      Row& row = result.partitions.emplace_back();
      row.partition_index = partition.partition_index;
      row.low_watermark = -1;
      PartitionLookup found{.error = topic_error};
      if (topic_error == ErrorCode::kNone) {
        found = look_up_partition(*topic.topic, partition.partition_index, context.services.node_id);
      }
      row.error_code = kafka::to_wire(found.error);
      if (found.error != ErrorCode::kNone) continue;
      deletions.push_back({.key = found.key, .before = kafka::Offset(partition.offset)});
      wanted.push_back({.topic = response.topics.size() - 1, .partition = result.partitions.size() - 1});
    }
  }
  const base::Duration timeout = base::milliseconds(std::max(request.timeout_ms, 0));
  const std::vector<replication::Partition::DeleteOutcome> outcomes =
      co_await context.services.replicas->delete_records(context.reactor, std::move(deletions), timeout);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Row& row = response.topics[wanted[i].topic].partitions[wanted[i].partition];
    row.error_code = kafka::to_wire(outcomes[i].error);
    row.low_watermark = outcomes[i].low_watermark.value();
  }
  co_return response;
}

}  // namespace

extern const Handler delete_records_handler =
    make_handler<DeleteRecordsRequest, DeleteRecordsResponse, handle>();

}  // namespace penstock::handlers
