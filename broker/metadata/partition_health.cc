#include "broker/metadata/partition_health.h"

#include <optional>

#include "broker/metadata/min_isr.h"

namespace penstock::metadata {

PartitionHealth partition_health(const MetadataImage& image, const BrokerConfigView& configs) {
  PartitionHealth health;
  for (const auto& topic : image.topics()) {
    std::optional<std::int32_t> min_isr;
    for (const auto& partition : topic->partitions) {
      if (partition == nullptr) continue;
      if (partition->leader == kNoLeader) ++health.offline;
      const std::size_t wanted = partition->replicas.size() - partition->adding_replicas.size();
      if (partition->isr.size() < wanted) ++health.under_replicated;
      if (!min_isr) min_isr = min_isr_of(configs, image, topic->name);
      if (partition->isr.size() < effective_min_isr(*min_isr, partition->replicas.size())) {
        ++health.under_min_isr;
      }
    }
  }
  return health;
}

}  // namespace penstock::metadata
