// Writes one record batch (magic 2). Uncompressed batches are byte-identical with those of Java's client.
//
// Threads: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/compression.h"
#include "kafka/ids.h"
#include "kafka/record_batch.h"

namespace penstock::kafka {

struct RecordBatchOptions {
  Offset base_offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  Compression compression = Compression::kNone;
  std::optional<int> compression_level;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  std::int64_t log_append_time_ms = kNoTimestamp;  // With kLogAppendTime.
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int32_t base_sequence = kNoSequence;
  bool is_transactional = false;
  bool is_control = false;
  std::optional<std::int64_t> delete_horizon_ms;
};

class RecordBatchBuilder {
 public:
  explicit RecordBatchBuilder(RecordBatchOptions options);

  // The next record, one offset after the last. Bytes are copied.
  void append(std::int64_t timestamp, std::optional<base::ByteSpan> key, std::optional<base::ByteSpan> value,
              std::span<const RecordHeader> headers = {});
  // With a hole before it, as compaction leaves. REQUIRES: offset above the last one.
  void append_at(Offset offset, std::int64_t timestamp, std::optional<base::ByteSpan> key,
                 std::optional<base::ByteSpan> value, std::span<const RecordHeader> headers = {});
  // REQUIRES: options.is_control. `value` is the encoded message, its version first.
  void append_control(std::int64_t timestamp, ControlType type, base::ByteSpan value);

  bool is_empty() const { return count_ == 0; }
  std::int32_t count() const { return count_; }
  // Of the batch so far, uncompressed.
  std::size_t size_bytes() const { return bytes_.size(); }
  Offset next_offset() const { return next_offset_; }

  // The finished batch. The builder is empty afterwards and may not be used again.
  // REQUIRES: not empty. ERRORS: those of compress().
  base::Result<base::Bytes> build();

 private:
  RecordBatchOptions options_;
  base::ByteWriter bytes_;  // Header space, then records.
  Offset next_offset_;
  std::int64_t base_timestamp_ = kNoTimestamp;
  std::int64_t max_timestamp_ = kNoTimestamp;
  std::int32_t count_ = 0;
};

// A batch without records that keeps what compaction must not lose (producer, last offset).
base::Bytes empty_batch(const RecordBatchOptions& options, Offset last_offset, std::int64_t max_timestamp);

// The one-record control batch that ends a transaction.
base::Bytes end_transaction_marker(const RecordBatchOptions& options, std::int64_t timestamp, bool is_commit,
                                   std::int32_t coordinator_epoch);

}  // namespace penstock::kafka
