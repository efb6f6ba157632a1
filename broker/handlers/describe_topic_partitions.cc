// DescribeTopicPartitions: Metadata by pages, with the eligible leader replicas (KIP-966).
#include <algorithm>
#include <set>

#include "broker/handlers/access.h"
#include "broker/handlers/topic_view.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/describe_topic_partitions_request.h"
#include "kafka/messages/describe_topic_partitions_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeTopicPartitionsRequest;
using kafka::DescribeTopicPartitionsResponse;
using kafka::ErrorCode;
using ResponseTopic = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;
using ResponsePartition = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition;

// max.request.partition.size.limit
constexpr std::int32_t kPartitionsPerAnswerMax = 2000;

ResponsePartition describe(const RequestContext& context, const metadata::MetadataImage& image,
                           const metadata::Partition& partition, std::int32_t index) {
  PartitionView view = view_partition(image, partition, context.listener_name);
  ResponsePartition row;
  row.error_code = static_cast<std::int16_t>(view.error);
  row.partition_index = index;
  row.leader_id = view.leader_id;
  row.leader_epoch = view.leader_epoch;
  row.replica_nodes = partition.replicas;
  row.isr_nodes = partition.isr;
  row.eligible_leader_replicas = partition.elr;
  row.last_known_elr = partition.last_known_elr;
  row.offline_replicas = std::move(view.offline_replicas);
  return row;
}

ResponseTopic refused(const std::string& name, ErrorCode error) {
  ResponseTopic topic;
  topic.error_code = static_cast<std::int16_t>(error);
  topic.name = name;
  return topic;
}

// Adds partitions of `topic` from `first` on until `left` is used up. False when it had to stop.
bool add_topic(const RequestContext& context, const metadata::MetadataImage& image,
               const metadata::Topic& topic, std::int32_t first, std::int32_t& left,
               DescribeTopicPartitionsResponse& response) {
  ResponseTopic out;
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal = is_internal_topic(topic.name);
  out.topic_authorized_operations =
      authorized_operations(context, security::ResourceKind::kTopic, topic.name);
  bool is_complete = true;
  for (std::int32_t index = first; index < topic.partition_count(); ++index) {
    if (left == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = topic.name;
      response.next_cursor->partition_index = index;
      is_complete = false;
      break;
    }
    const metadata::Partition* partition = topic.partition(kafka::PartitionId(index));
    if (partition == nullptr) continue;
    out.partitions.push_back(describe(context, image, *partition, index));
    --left;
  }
  response.topics.push_back(std::move(out));
  return is_complete;
}

aio::Task<DescribeTopicPartitionsResponse> handle(RequestContext& context,
                                                  DescribeTopicPartitionsRequest request) {
  const metadata::ImagePtr image = context.services.images->current();
  DescribeTopicPartitionsResponse response;
  std::set<std::string> names;
  const bool wants_all = request.topics.empty();
  if (wants_all) {
    for (const auto& topic : image->topics()) names.insert(topic->name);
  } else {
    for (const auto& topic : request.topics) names.insert(topic.name);
  }
  std::int32_t first = 0;
  if (request.cursor) {
    names.erase(names.begin(), names.lower_bound(request.cursor->topic_name));
    if (names.contains(request.cursor->topic_name)) first = std::max(0, request.cursor->partition_index);
  }
  std::int32_t left = std::clamp(request.response_partition_limit, 1, kPartitionsPerAnswerMax);
  for (const std::string& name : names) {
    const auto topic = image->topic(name);
    if (!may_on_topic(context, security::Operation::kDescribe, name)) {
      if (!wants_all) response.topics.push_back(refused(name, ErrorCode::kTopicAuthorizationFailed));
    } else if (topic == nullptr) {
      response.topics.push_back(refused(name, ErrorCode::kUnknownTopicOrPartition));
    } else if (!add_topic(context, *image, *topic, first, left, response)) {
      break;
    }
    first = 0;
  }
  co_return response;
}

}  // namespace

extern const Handler describe_topic_partitions_handler =
    make_handler<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, handle>();

}  // namespace penstock::handlers
