// The time index of one segment, in memory: (largest timestamp so far, last offset of the batch that has it).
//
// On disk:  docs/formats/indexes.md.
// Threads:  a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "kafka/ids.h"

namespace penstock::storage {

class TimeIndex {
 public:
  struct Entry {
    std::int64_t timestamp = kafka::kNoTimestamp;
    std::int32_t relative_offset = 0;
  };
  static constexpr std::size_t kEntryBytes = 12;

  explicit TimeIndex(kafka::Offset base = kafka::Offset{0}) : base_(base) {}
  // As OffsetIndex::decode; timestamps must grow.
  static TimeIndex decode(kafka::Offset base, base::ByteSpan file, bool* is_intact = nullptr);

  // Ignored unless `timestamp` is above that of the last entry.
  void append(std::int64_t timestamp, kafka::Offset offset);
  // Where the search for the first record at or after `timestamp` may begin: the offset of the last entry at
  // or below it, else the base offset.
  kafka::Offset lookup(std::int64_t timestamp) const;
  void truncate_to(kafka::Offset offset);

  std::size_t size() const { return entries_.size(); }
  bool is_empty() const { return entries_.empty(); }
  // One entry stays free for the last one, which closing the segment adds.
  bool is_full(std::int32_t file_bytes_max) const {
    return entries_.size() + 1 >= static_cast<std::size_t>(file_bytes_max) / kEntryBytes;
  }
  std::int64_t last_timestamp() const { return is_empty() ? kafka::kNoTimestamp : entries_.back().timestamp; }
  kafka::Offset last_offset() const { return is_empty() ? base_ : base_ + entries_.back().relative_offset; }
  base::Bytes encode() const;

 private:
  kafka::Offset base_;
  std::vector<Entry> entries_;
};

}  // namespace penstock::storage
