// What a topic's configuration says to its logs. The caller resolves topic, cluster and broker settings.
//
// Threads: a value.
#pragma once

#include <cstdint>
#include <limits>

namespace penstock::storage {

struct LogConfig {
  static constexpr std::int64_t kNoLimit = -1;

  std::int32_t segment_bytes = 1 << 30;                                    // segment.bytes
  std::int64_t segment_ms = 604'800'000;                                   // segment.ms
  std::int64_t segment_jitter_ms = 0;                                      // segment.jitter.ms
  std::int32_t segment_index_bytes = 10 << 20;                             // segment.index.bytes
  std::int32_t index_interval_bytes = 4096;                                // index.interval.bytes
  std::int64_t retention_ms = 604'800'000;                                 // retention.ms, -1: for ever
  std::int64_t retention_bytes = kNoLimit;                                 // retention.bytes, -1: no limit
  std::int64_t flush_messages = std::numeric_limits<std::int64_t>::max();  // flush.messages
  std::int64_t flush_ms = std::numeric_limits<std::int64_t>::max();        // flush.ms
  bool is_deleted = true;     // cleanup.policy has delete: retention removes whole segments.
  bool is_compacted = false;  // cleanup.policy has compact. Nothing compacts yet: such a log grows.
};

}  // namespace penstock::storage
