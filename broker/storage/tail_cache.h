// The newest batches of a log in memory, so that consumers at the end are served without the file.
//
// It always holds a contiguous run of batches up to the log's end, or nothing.
//
// Lifetime: what read() returns keeps its memory alive; the bytes of a batch never change once appended.
// Threads:  the log's reactor; the budget from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "broker/storage/log_types.h"

namespace penstock::storage {

// Bytes that all tail caches of a broker may take together.
class TailCacheBudget {
 public:
  explicit TailCacheBudget(std::int64_t bytes_max) : bytes_max_(bytes_max) {}
  bool take(std::int64_t bytes);
  void give(std::int64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::int64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t bytes_max_;
  std::atomic<std::int64_t> used_{0};
};

class TailCache {
 public:
  TailCache(std::int64_t bytes_max, std::shared_ptr<TailCacheBudget> budget);
  ~TailCache() { clear(); }
  TailCache(const TailCache&) = delete;
  TailCache& operator=(const TailCache&) = delete;

  // The log got this batch at `where` (whose offset is the batch's base offset). Not kept when nobody has
  // read the tail for a while: a copy that nobody will read costs as much as the batch's checksum.
  void append(base::ByteSpan batch, const LogOffsetMetadata& where, Offset last_offset);
  // Somebody reads what was appended lately.
  void note_reader() { bytes_since_reader_ = 0; }
  void truncate_to(Offset offset);
  void clear();

  // Where the batch that holds `offset` begins; nullopt when it is not here.
  std::optional<LogOffsetMetadata> locate(Offset offset) const;

  struct Hit {
    kafka::RecordsRef records;
    LogOffsetMetadata start;
    bool has_more = false;  // More bytes below `end` and within bytes_max are in later chunks.
  };
  // Whole batches from the one that holds `from` up to `end`, within bytes_max (but at least one if
  // is_one_required). nullopt when `from` is not here.
  std::optional<Hit> read(Offset from, Offset end, std::int64_t bytes_max, bool is_one_required) const;

  std::int64_t size_bytes() const { return size_bytes_; }
  std::int64_t bytes_max() const { return bytes_max_; }

 private:
  struct Entry {
    Offset last_offset;
    std::uint32_t at = 0;
  };
  // Consecutive bytes of one segment's file.
  struct Chunk {
    std::shared_ptr<std::uint8_t[]> data;
    std::size_t capacity = 0;
    std::size_t used = 0;
    LogOffsetMetadata start;
    std::vector<Entry> entries;
  };
  struct Cursor {
    std::size_t chunk = 0;
    std::size_t entry = 0;
  };

  std::optional<Cursor> find(Offset offset) const;
  bool add_chunk(std::size_t bytes_min, const LogOffsetMetadata& start);
  void drop_front();

  const std::int64_t bytes_max_;
  const std::shared_ptr<TailCacheBudget> budget_;
  std::deque<Chunk> chunks_;
  std::int64_t size_bytes_ = 0;          // Capacities.
  std::int64_t bytes_since_reader_ = 0;  // Appended since note_reader().
};

}  // namespace penstock::storage
