#include "tests/sim/history.h"

#include <algorithm>
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

void History::acked(int partition, Value value, std::int64_t offset) {
  ++acked_count_;
  Partition& own = partitions_[partition];
  place(partition, value, offset);
  const auto [at, is_new] = own.acks.emplace(offset, value);
  if (!is_new && at->second != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for the values {} and {}", partition, offset,
                          at->second, value));
  }
  if (const auto read = own.values.find(offset); read != own.values.end() && read->second != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for value {}, read as {}", partition, offset,
                          value, read->second));
  }
}

void History::seen(int partition, std::int64_t offset, Value value) {
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
  if (ack != own.acks.end() && ack->second != value) {
    violation(fmt::format("partition {} offset {}: acknowledged for value {}, read as {}", partition, offset,
                          ack->second, value));
  }
}

void History::high_watermark(int partition, std::int64_t offset, bool is_checked) {
  std::int64_t& last = partitions_[partition].high_watermark;
  if (is_checked && offset < last)
    violation(
        fmt::format("partition {}: the high watermark goes back from {} to {}", partition, last, offset));
  last = offset;
}

std::int64_t History::high_watermark(int partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? 0 : found->second.high_watermark;
}

void History::deleting(int partition, std::int64_t offset) {
  std::int64_t& below = partitions_[partition].deletable_below;
  below = std::max(below, offset);
}

std::int64_t History::deletable_below(int partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? 0 : found->second.deletable_below;
}

std::int64_t History::acked_end(int partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second.acks.empty()) return 0;
  return found->second.acks.rbegin()->first + 1;
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
  for (const auto& [offset, value] : own.acks) {
    if (offset >= own.deletable_below && !own.final_read.contains(offset)) {
      violation(fmt::format("partition {}: value {}, acknowledged at offset {}, is lost (the log ends at {})",
                            partition, value, offset, end));
    }
  }
  for (std::int64_t offset = own.deletable_below; offset < end; ++offset) {
    if (!own.final_read.contains(offset))
      violation(fmt::format("partition {}: no record at offset {} below {}", partition, offset, end));
  }
  check_order(partition);
}

void History::check_order(int partition) {
  std::map<Value, Value> last;  // By producer.
  for (const auto& [offset, value] : partitions_[partition].values) {
    if (value >= kUnordered) continue;
    Value& before = last[value / kValuesPerProducer];
    if (value <= before) {
      violation(fmt::format("partition {} offset {}: value {} of a producer stands behind its {}", partition,
                            offset, value, before));
    }
    before = value;
  }
}

}  // namespace penstock::sim
