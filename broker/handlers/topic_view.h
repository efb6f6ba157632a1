// What Metadata and DescribeTopicPartitions say of a topic, seen from one listener.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/metadata/image.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

struct PartitionView {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::int32_t leader_id = -1;
  std::int32_t leader_epoch = -1;
  std::vector<std::int32_t> offline_replicas;
};

// LEADER_NOT_AVAILABLE without a live leader, LISTENER_NOT_FOUND when it has no endpoint of that listener.
PartitionView view_partition(const metadata::MetadataImage& image, const metadata::Partition& partition,
                             std::string_view listener);

// __consumer_offsets, __transaction_state and __share_group_state.
bool is_internal_topic(std::string_view name);

}  // namespace penstock::handlers
