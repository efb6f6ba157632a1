// What the log knows of its producers: epochs, the last five batches of each, open transactions.
//
// validate() looks and changes nothing; apply() is called for every batch that is in the log, also when state
// is rebuilt from it, and is the only thing that changes state.
//
// Source:   KIP-98, KIP-360, KIP-890; ProducerStateManager and ProducerAppendInfo of Kafka 4.3.
// On disk:  docs/formats/producer-snapshot.md.
// Threads:  a value of the log's reactor.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/storage/log_types.h"
#include "broker/storage/transaction_index.h"
#include "kafka/record_batch.h"

namespace penstock::storage {

struct ProducerBatch {
  std::int32_t last_sequence = kafka::kNoSequence;
  std::int32_t offset_delta = 0;
  Offset last_offset{-1};
  std::int64_t timestamp = kafka::kNoTimestamp;

  std::int32_t first_sequence() const { return kafka::decrement_sequence(last_sequence, offset_delta); }
  Offset first_offset() const { return last_offset - offset_delta; }
};

struct ProducerEntry {
  static constexpr std::size_t kBatchesMax = 5;

  kafka::ProducerEpoch epoch = kafka::kNoProducerEpoch;
  std::int32_t coordinator_epoch = -1;
  std::int64_t last_timestamp = kafka::kNoTimestamp;
  Offset transaction_first_offset{-1};  // -1: none is open.
  std::uint8_t batch_count = 0;
  std::array<ProducerBatch, kBatchesMax> batches;  // Oldest first.

  bool has_batches() const { return batch_count > 0; }
  const ProducerBatch& last_batch() const { return batches[batch_count - 1U]; }
  std::int32_t last_sequence() const {
    return has_batches() ? last_batch().last_sequence : kafka::kNoSequence;
  }
  void add(const ProducerBatch& batch);
  void set_epoch(kafka::ProducerEpoch value);
};

struct ProducerVerdict {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string message;
  std::optional<ProducerBatch> duplicate;  // Set when exactly this batch is in the log already.
};

class ProducerState {
 public:
  explicit ProducerState(std::int64_t expiration_ms) : expiration_ms_(expiration_ms) {}

  // Whether a leader may append this batch. REQUIRES: the batch has a producer id.
  ProducerVerdict validate(const kafka::RecordBatchView& batch, const LeaderAppend& how) const;
  // The batch is in the log. Returns the aborted transaction that it ended, if it is such a marker.
  std::optional<AbortedEntry> apply(const kafka::RecordBatchView& batch);
  // A batch from below the snapshot that was loaded, oldest first. A snapshot has only the last batch of each
  // producer, but one that was stopped before it answered is sent any of the last five again.
  void recall(const kafka::RecordBatchView& batch);

  // State covers everything below it.
  Offset end_offset() const { return end_offset_; }
  void set_end_offset(Offset offset) { end_offset_ = offset; }

  // The first offset that read_committed may not see yet.
  std::optional<Offset> first_unstable_offset() const;
  // Transactions whose marker lies below are stable.
  void on_high_watermark(Offset high_watermark);
  void on_log_start(Offset log_start);
  bool has_open_transaction(kafka::ProducerId producer_id) const;

  void expire(std::int64_t now_ms);
  // Whether every producer of the batches that were applied is known: none expired, and none of the state is
  // a snapshot's, which has only those that had not expired.
  bool is_complete() const { return !has_forgotten_; }
  std::size_t size() const { return producers_.size(); }
  const ProducerEntry* find(kafka::ProducerId producer_id) const;
  void clear();

  base::Bytes encode_snapshot() const;
  // Replaces all state by the snapshot's. ERRORS: kCorrupt, kUnsupported; state is then empty.
  base::Result<> load_snapshot(base::ByteSpan file, Offset end_offset);

 private:
  struct Transaction {
    kafka::ProducerId producer_id;
    Offset last_offset{-1};  // Of the marker; -1 while it is open.
  };

  std::optional<AbortedEntry> apply_marker(const kafka::RecordBatchView& batch);
  void apply_data(const kafka::RecordBatchView& batch);
  ProducerVerdict validate_marker(const kafka::RecordBatchView& batch, const ProducerEntry* entry) const;

  std::int64_t expiration_ms_;
  Offset end_offset_{0};
  bool has_forgotten_ = false;
  std::unordered_map<kafka::ProducerId, ProducerEntry> producers_;
  std::map<Offset, Transaction> open_;          // By first offset.
  std::map<Offset, Transaction> unreplicated_;  // Ended, marker not yet below the high watermark.
};

}  // namespace penstock::storage
