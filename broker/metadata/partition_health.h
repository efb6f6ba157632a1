// How many partitions of the cluster lack what they should have.
//
// Threads: a pure function.
// Source: Kafka's metrics UnderReplicatedPartitions, UnderMinIsrPartitionCount, OfflinePartitionsCount.
#pragma once

#include <cstdint>

#include "broker/metadata/config_view.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

struct PartitionHealth {
  std::int64_t under_replicated = 0;  // Replicas that a reassignment only adds are not missed yet.
  std::int64_t under_min_isr = 0;
  std::int64_t offline = 0;  // Nobody leads.
};

PartitionHealth partition_health(const MetadataImage& image, const BrokerConfigView& configs);

}  // namespace penstock::metadata
