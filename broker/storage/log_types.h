// What a Log takes and returns.
//
// Threads: values.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "kafka/error_codes.h"
#include "kafka/ids.h"
#include "kafka/records_ref.h"

namespace penstock::storage {

using kafka::LeaderEpoch;
using kafka::Offset;

// An offset and where its batch lies: the file of `segment_base`, byte `position`.
struct LogOffsetMetadata {
  Offset offset{0};
  Offset segment_base{-1};
  std::int64_t position = -1;
};

// Who appends as leader. Only a client's batches are held to the sequence and epoch rules.
enum class AppendOrigin { kClient, kCoordinator, kRaftLeader };

struct LeaderAppend {
  LeaderEpoch epoch{0};
  std::int64_t now_ms = 0;
  AppendOrigin origin = AppendOrigin::kClient;
  // Transactions, version 2: a producer that the log does not know must begin at sequence 0.
  bool is_first_sequence_zero_required = false;
};

struct AppendInfo {
  // Not kNone: the batches were refused, nothing was appended and the log is as before.
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string message;

  Offset base_offset{-1};
  Offset last_offset{-1};
  Offset log_start_offset{0};
  // Of the batches when they have LogAppendTime, else -1.
  std::int64_t log_append_time_ms = kafka::kNoTimestamp;
  // The same batch was appended before: offsets and time are those of that append.
  bool is_duplicate = false;
  bool has_rolled = false;
  std::int64_t bytes = 0;
};

// One piece of disk work that may stall. Self-contained: it holds what it needs, so it runs on any thread,
// also after the log is gone; what it would write then is left unwritten. Jobs of one log may run at the same
// time and in any order.
struct BackgroundJob {
  std::string what;  // "write back orders-3"
  std::move_only_function<base::Result<>()> run;
};

struct ReadRequest {
  Offset from{0};
  std::int64_t bytes_max = 1 << 20;
  // Nothing at or past this offset is returned: high watermark, last stable offset, or log end.
  Offset end{INT64_MAX};
  // The first batch is returned whole even when it exceeds bytes_max.
  bool is_one_batch_required = true;
  // Whole batches in memory (never a file range, never half a batch at the end).
  bool is_memory_required = false;
  // False: when the answer would wait for the disk, `warm_up` is set instead. Read again with true after it.
  bool may_block = true;
};

struct AbortedTransaction {
  kafka::ProducerId producer_id{-1};
  Offset first_offset{-1};
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

struct ReadResult {
  // May begin with a batch that starts below `from`, and may end in half a batch. Never crosses a segment.
  kafka::RecordsRef records;
  // Of the first batch, or of the end when there is none.
  LogOffsetMetadata start;
  // Set when pages are not in memory. `records` is then empty, unless may_block was true.
  std::optional<BackgroundJob> warm_up;
};

struct TimestampOffset {
  std::int64_t timestamp = kafka::kNoTimestamp;
  Offset offset{-1};
  LeaderEpoch epoch{-1};
};

struct EpochEndOffset {
  LeaderEpoch epoch{-1};
  Offset end_offset{-1};
  friend bool operator==(const EpochEndOffset&, const EpochEndOffset&) = default;
};

// What opening a log after a crash found.
struct RecoveryReport {
  bool was_clean = true;
  std::int64_t scanned_bytes = 0;
  // Set when bytes were dropped: where the first bad batch was and why.
  std::string bad_file;
  std::int64_t bad_position = -1;
  std::string reason;
  std::int64_t dropped_bytes = 0;
  // Whole, valid batches lie behind the bad one: not a torn tail but damage in the middle.
  bool is_mid_log = false;
};

}  // namespace penstock::storage
