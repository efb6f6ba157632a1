#include "tests/sim/image_checks.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "broker/metadata/image_builder.h"
#include "broker/metadata/min_isr.h"

namespace penstock::sim {

namespace {

// Of all that the image says, in whatever order it keeps it.
std::size_t digest_of(const metadata::MetadataImage& image) {
  std::vector<std::string> records;
  (void)metadata::ImageBuilder::take_apart(image, [&](const metadata::Record& record) -> base::Result<> {
    const base::Bytes bytes = metadata::encode_record(record);
    records.emplace_back(bytes.begin(), bytes.end());
    return {};
  });
  std::ranges::sort(records);
  std::string all;
  for (const std::string& record : records) all += record;
  return std::hash<std::string>{}(all);
}

bool are_unique_replicas(const std::vector<std::int32_t>& ids, const metadata::Partition& partition) {
  const std::set<std::int32_t> unique(ids.begin(), ids.end());
  return unique.size() == ids.size() &&
         std::ranges::all_of(ids, [&](std::int32_t id) { return partition.has_replica(kafka::NodeId(id)); });
}

// On standard error, for whoever looks at one seed.
void tell(const std::string& name, const metadata::Partition& partition) {
  fmt::print(stderr, "            {}: replicas {}, leader {} in epoch {}, ISR {}, eligible {}\n", name,
             partition.replicas, partition.leader, partition.leader_epoch, partition.isr, partition.elr);
}

// 0: unknown.
std::size_t min_isr_of(const metadata::MetadataImage& image, const metadata::Topic& topic,
                       const metadata::Partition& partition) {
  const auto& configs = image.configs({metadata::ResourceType::kTopic, topic.name});
  const auto found = configs.find(metadata::kMinIsr);
  if (found == configs.end()) return 0;
  std::size_t number = 0;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return std::min(number, partition.replicas.size());
}

}  // namespace

void ImageChecks::look(int node, const void* run, const metadata::ImagePtr& image) {
  Node& own = nodes_[node];
  if (std::exchange(own.run, run) != run) own = {.run = run};
  if (own.image == image) return;
  if (own.image && image->last_offset() < own.image->last_offset()) {
    history_.violation(fmt::format("node {}: the image goes back from offset {} to {}", node,
                                   own.image->last_offset().value(), image->last_offset().value()));
  }
  own.image = image;
  if (image->last_offset() < kafka::Offset(0)) return;
  const std::size_t digest = digest_of(*image);
  const auto [at, is_new] = digests_.emplace(image->last_offset().value(), digest);
  if (!is_new && at->second != digest) {
    history_.violation(fmt::format("node {}: its image of offset {} is not that of another node", node,
                                   image->last_offset().value()));
  }
  for (const auto& topic : image->topics()) {
    for (int i = 0; i < topic->partition_count(); ++i) look_at(*image, *topic, i, own.epochs[{topic->id, i}]);
  }
}

void ImageChecks::look_at(const metadata::MetadataImage& image, const metadata::Topic& topic, int index,
                          Epochs& epochs) {
  const metadata::Partition* partition = topic.partition(kafka::PartitionId(index));
  const std::string name = fmt::format("{}-{} at offset {}", topic.name, index, image.last_offset().value());
  if (partition == nullptr) return history_.violation(fmt::format("{}: a gap among the partitions", name));
  if (partition->leader_epoch < epochs.leader || partition->partition_epoch < epochs.partition)
    history_.violation(fmt::format("{}: its epochs go back", name));
  const auto before = std::exchange(epochs, {partition->leader_epoch, partition->partition_epoch});
  if (before.partition != epochs.partition) tell(name, *partition);
  look_at_in_sync(image, topic, *partition, name);
  if (partition->leader == metadata::kNoLeader) return;
  const kafka::NodeId leader(partition->leader);
  const auto* broker = image.broker(leader);
  if (!partition->is_in_isr(leader))
    history_.violation(fmt::format("{}: {} leads and is not in sync", name, partition->leader));
  if (broker == nullptr || broker->is_fenced)
    history_.violation(fmt::format("{}: {} leads and is not in service", name, partition->leader));
}

void ImageChecks::look_at_in_sync(const metadata::MetadataImage& image, const metadata::Topic& topic,
                                  const metadata::Partition& partition, const std::string& name) {
  const auto is_in_isr = [&](std::int32_t id) { return partition.is_in_isr(kafka::NodeId(id)); };
  const bool are_replicas =
      are_unique_replicas(partition.isr, partition) && are_unique_replicas(partition.elr, partition);
  if (!are_replicas || std::ranges::any_of(partition.elr, is_in_isr)) {
    history_.violation(fmt::format("{}: replicas {}, ISR {}, eligible {}", name, partition.replicas,
                                   partition.isr, partition.elr));
  }
  const std::size_t min_isr = min_isr_of(image, topic, partition);
  if (min_isr > 0 && partition.isr.size() >= min_isr && !partition.elr.empty()) {
    history_.violation(
        fmt::format("{}: the ISR {} is enough, and yet {} are eligible", name, partition.isr, partition.elr));
  }
}

}  // namespace penstock::sim
