#include "tests/sim/history.h"

#include <utility>

#include <fmt/core.h>

namespace penstock::sim {

void History::violation(std::string what) {
  constexpr std::size_t kKeptMax = 20;
  if (violations_.size() < kKeptMax) violations_.push_back(std::move(what));
}

void History::sent(int partition, Value value) { sent_.emplace(value, partition); }

void History::place(int partition, Value value, std::int64_t offset) {
  const auto [at, is_new] = partitions_[partition].offsets.emplace(value, offset);
  if (!is_new && at->second != offset) {
    violation(
        fmt::format("partition {}: value {} is at offsets {} and {}", partition, value, at->second, offset));
  }
}

void History::acked(int partition, Value value, std::int64_t offset, int node) {
  ++acked_count_;
  Partition& own = partitions_[partition];
  place(partition, value, offset);
  const auto [at, is_new] = own.acks.emplace(offset, Ack{value, node});
  if (!is_new && at->second.value != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for the values {} and {}", partition, offset,
                          at->second.value, value));
  }
  if (const auto read = own.values.find(offset); read != own.values.end() && read->second != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for value {}, read as {}", partition, offset,
                          value, read->second));
  }
}

void History::seen(int partition, std::int64_t offset, Value value, int leader_epoch) {
  Partition& own = partitions_[partition];
  const auto from = sent_.find(value);
  if (from == sent_.end() || from->second != partition) {
    violation(fmt::format("partition {} offset {}: value {} was not sent there", partition, offset, value));
  }
  const auto [at, is_new] = own.values.emplace(offset, value);
  if (!is_new && at->second != value) {
    violation(fmt::format("partition {} offset {}: read as value {} and as {}", partition, offset, at->second,
                          value));
  }
  place(partition, value, offset);
  own.final_read.insert(offset);
  const auto ack = own.acks.find(offset);
  if (ack == own.acks.end()) return;
  if (ack->second.value != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for value {}, read as {}", partition, offset,
                          ack->second.value, value));
  }
  const auto [who, is_first] = own.epoch_nodes.emplace(leader_epoch, ack->second.node);
  if (!is_first && who->second != ack->second.node) {
    violation(fmt::format("partition {}: brokers {} and {} both acknowledged in leader epoch {}", partition,
                          who->second, ack->second.node, leader_epoch));
  }
}

void History::high_watermark(int partition, std::int64_t offset) {
  std::int64_t& last = partitions_[partition].high_watermark;
  if (offset < last)
    violation(
        fmt::format("partition {}: the high watermark goes back from {} to {}", partition, last, offset));
  last = offset;
}

void History::forget_from(int partition, std::int64_t offset) {
  Partition& own = partitions_[partition];
  own.acks.erase(own.acks.lower_bound(offset), own.acks.end());
  own.values.erase(own.values.lower_bound(offset), own.values.end());
  std::erase_if(own.offsets, [offset](const auto& entry) { return entry.second >= offset; });
  own.high_watermark = std::min(own.high_watermark, offset);
}

void History::begin_final_read(int partition) { partitions_[partition].final_read.clear(); }

void History::end_final_read(int partition, std::int64_t end) {
  Partition& own = partitions_[partition];
  for (const auto& [offset, ack] : own.acks) {
    if (!own.final_read.contains(offset)) {
      violation(fmt::format("partition {}: value {}, acknowledged at offset {}, is lost (the log ends at {})",
                            partition, ack.value, offset, end));
    }
  }
  for (std::int64_t offset = 0; offset < end; ++offset) {
    if (!own.final_read.contains(offset))
      violation(fmt::format("partition {}: no record at offset {} below {}", partition, offset, end));
  }
}

}  // namespace penstock::sim
