#include "broker/handlers/partition_lookup.h"

namespace penstock::handlers {

using kafka::ErrorCode;

TopicLookup look_up_topic(const metadata::MetadataImage& image, std::string_view name, const base::Uuid& id,
                          bool is_by_id) {
  TopicLookup lookup{.topic = is_by_id ? image.topic(id) : image.topic(name)};
  if (lookup.topic == nullptr) {
    lookup.error = is_by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
  }
  return lookup;
}

PartitionLookup look_up_partition(const metadata::Topic& topic, std::int32_t partition, std::int32_t self) {
  PartitionLookup lookup;
  const metadata::Partition* known = partition < 0 ? nullptr : topic.partition(kafka::PartitionId(partition));
  if (known == nullptr) {
    lookup.error = ErrorCode::kUnknownTopicOrPartition;
    return lookup;
  }
  lookup.key = {.topic_id = topic.id, .partition = kafka::PartitionId(partition)};
  lookup.leader_id = known->leader;
  lookup.leader_epoch = known->leader_epoch;
  if (known->leader != self) lookup.error = ErrorCode::kNotLeaderOrFollower;
  return lookup;
}

}  // namespace penstock::handlers
