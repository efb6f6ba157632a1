// What a leader checks of a batch that a producer sent, before it gets an offset.
//
// One pass over the records; nothing is allocated per record, and nothing is copied unless the topic's
// compression differs from the producer's.
// Source: research of Kafka 4.3.1's LogValidator, UnifiedLog and ProduceRequest.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "kafka/compression.h"
#include "kafka/ids.h"
#include "kafka/record_batch.h"

namespace penstock::kafka {

enum class ErrorCode : std::int16_t;  // kafka/error_codes.h

// What the topic's configuration and the request say.
struct RecordRules {
  std::int32_t batch_bytes_max = 1048588;  // max.message.bytes
  bool is_key_required = false;            // cleanup.policy has compact
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::int64_t timestamp_before_ms_max = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_ms_max = 3600000;
  std::optional<Compression> compression;  // compression.type; nullopt is "producer"
  std::optional<int> compression_level;
  std::int16_t produce_version = std::numeric_limits<std::int16_t>::max();
  std::size_t decompressed_bytes_max = 100 << 20;
};

struct RecordError {
  std::int32_t batch_index = 0;
  std::string message;
};

struct RecordVerdict {
  ErrorCode error{};    // kNone: append bytes.
  std::string message;  // ErrorMessage of the produce response.
  std::vector<RecordError> record_errors;
  static constexpr std::size_t kRecordErrorsMax = 1000;

  // Set when error is kNone.
  std::int32_t record_count = 0;
  std::int64_t max_timestamp = kNoTimestamp;
  std::int32_t last_offset_delta = 0;  // Base offset plus this is the shallow offset of the max timestamp.
  // With kLogAppendTime the time that all records got, else kNoTimestamp: LogAppendTimeMs of the response.
  std::int64_t log_append_time_ms = kNoTimestamp;
  // The batch with the topic's compression, when that differs; else empty and the input is the batch.
  base::Bytes converted;

  bool is_ok() const { return static_cast<std::int16_t>(error) == 0; }
};

// Checks the records that a producer sent for one partition: exactly one batch. With LogAppendTime the batch
// is patched in place (and its CRC redone). Base offset and leader epoch are left for the log to set.
// `subject` names the partition in messages: "orders-3".
RecordVerdict validate_produced(std::span<std::uint8_t> records, const RecordRules& rules,
                                std::int64_t now_ms, std::string_view subject, Decompressor& decompressor);

// The header and checksum part of it, for batches from a leader: complete, magic 2, sane counts, CRC.
// ERRORS: kCorrupt.
base::Result<> check_batch(const RecordBatchView& batch);

}  // namespace penstock::kafka
