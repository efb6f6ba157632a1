// The sparse offset index of one segment, in memory: (last offset of a batch, where that batch begins).
//
// On disk:  docs/formats/indexes.md.
// Threads:  a value.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "kafka/ids.h"

namespace penstock::storage {

class OffsetIndex {
 public:
  struct Entry {
    std::int32_t relative_offset = 0;
    std::int32_t position = 0;
  };
  static constexpr std::size_t kEntryBytes = 8;

  explicit OffsetIndex(kafka::Offset base = kafka::Offset{0}) : base_(base) {}
  // As many entries of `file` as make sense for a segment of `segment_bytes`; zeros of a preallocated file
  // and whatever comes after the first bad entry are left out. `is_intact` says whether that was all of it.
  static OffsetIndex decode(kafka::Offset base, base::ByteSpan file, std::int64_t segment_bytes,
                            bool* is_intact = nullptr);

  // REQUIRES: last_offset and position are larger than those of the last entry.
  void append(kafka::Offset last_offset, std::int64_t position);
  // Where to begin scanning for `target`: the position of the last entry at or below it, else 0.
  std::int64_t lookup(kafka::Offset target) const;
  // Keeps entries whose offset is below `offset`.
  void truncate_to(kafka::Offset offset);

  std::size_t size() const { return entries_.size(); }
  bool is_empty() const { return entries_.empty(); }
  bool is_full(std::int32_t file_bytes_max) const {
    return entries_.size() >= static_cast<std::size_t>(file_bytes_max) / kEntryBytes;
  }
  kafka::Offset last_offset() const { return base_ + entries_.back().relative_offset; }
  std::int64_t last_position() const { return entries_.back().position; }
  base::Bytes encode() const;

 private:
  kafka::Offset base_;
  std::vector<Entry> entries_;
};

}  // namespace penstock::storage
