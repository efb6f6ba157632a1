#include "broker/storage/producer_state.h"

#include <algorithm>

#include <fmt/format.h>

#include "kafka/record.h"

namespace penstock::storage {

namespace {

using kafka::ErrorCode;

struct EndMarker {
  bool is_commit = false;
  std::int32_t coordinator_epoch = -1;
};

// Control batches of transactions hold one record: key (version, type), value (version, coordinator epoch).
std::optional<EndMarker> end_marker(const kafka::RecordBatchView& batch) {
  if (!batch.is_control() || batch.compression_id() != 0) return std::nullopt;
  kafka::RecordCursor cursor(batch, batch.payload());
  kafka::Record record;
  if (!cursor.next(record)) return std::nullopt;
  const auto type = kafka::control_type(record);
  if (type != kafka::ControlType::kCommit && type != kafka::ControlType::kAbort) return std::nullopt;
  EndMarker marker{.is_commit = type == kafka::ControlType::kCommit};
  if (record.value && record.value->size() >= 6)
    marker.coordinator_epoch = base::load_be<std::int32_t>(record.value->data() + 2);
  return marker;
}

bool is_next_sequence(std::int32_t last, std::int32_t next) {
  return std::int64_t{next} == std::int64_t{last} + 1 || (next == 0 && last == INT32_MAX);
}

ProducerVerdict refuse(ErrorCode error, std::string message) {
  return {.error = error, .message = std::move(message), .duplicate = std::nullopt};
}

const ProducerBatch* find_duplicate(const ProducerEntry& entry, const kafka::RecordBatchView& batch) {
  if (entry.epoch != batch.producer_epoch()) return nullptr;
  for (std::size_t i = 0; i < entry.batch_count; ++i) {
    const ProducerBatch& known = entry.batches[i];
    if (known.first_sequence() == batch.base_sequence() && known.last_sequence == batch.last_sequence())
      return &known;
  }
  return nullptr;
}

ProducerVerdict check_sequence(const kafka::RecordBatchView& batch, const ProducerEntry* entry,
                               const LeaderAppend& how) {
  const std::int32_t first = batch.base_sequence();
  if (entry == nullptr || entry->epoch == kafka::kNoProducerEpoch) {
    if (entry == nullptr && how.is_first_sequence_zero_required && first != 0) {
      return refuse(ErrorCode::kOutOfOrderSequenceNumber,
                    fmt::format("producer {} is not known here and begins at sequence {}, not 0",
                                batch.producer_id(), first));
    }
    return {};
  }
  if (batch.producer_epoch() != entry->epoch) {
    if (first == 0) return {};
    return refuse(ErrorCode::kOutOfOrderSequenceNumber,
                  fmt::format("producer {} begins epoch {} at sequence {}, not 0", batch.producer_id(),
                              batch.producer_epoch(), first));
  }
  if (is_next_sequence(entry->last_sequence(), first)) return {};
  return refuse(ErrorCode::kOutOfOrderSequenceNumber,
                fmt::format("producer {} epoch {}: sequence {} does not follow {}", batch.producer_id(),
                            batch.producer_epoch(), first, entry->last_sequence()));
}

}  // namespace

void ProducerEntry::set_epoch(kafka::ProducerEpoch value) {
  if (epoch == value) return;
  epoch = value;
  batch_count = 0;
}

void ProducerEntry::add(const ProducerBatch& batch) {
  if (batch_count == kBatchesMax) {
    std::move(batches.begin() + 1, batches.end(), batches.begin());
    --batch_count;
  }
  batches[batch_count++] = batch;
}

ProducerVerdict ProducerState::validate(const kafka::RecordBatchView& batch, const LeaderAppend& how) const {
  const ProducerEntry* entry = find(batch.producer_id());
  const bool is_client = how.origin == AppendOrigin::kClient;
  if (entry != nullptr && is_client) {
    if (const ProducerBatch* known = find_duplicate(*entry, batch))
      return {.error = ErrorCode::kNone, .message = {}, .duplicate = *known};
  }
  if (entry != nullptr && batch.producer_epoch() < entry->epoch) {
    return refuse(ErrorCode::kInvalidProducerEpoch,
                  fmt::format("producer {} epoch {} is older than {}", batch.producer_id(),
                              batch.producer_epoch(), entry->epoch));
  }
  if (batch.is_control()) return validate_marker(batch, entry);
  if (is_client) {
    ProducerVerdict verdict = check_sequence(batch, entry, how);
    if (verdict.error != ErrorCode::kNone) return verdict;
  }
  if (entry != nullptr && entry->transaction_first_offset >= Offset{0} && !batch.is_transactional()) {
    return refuse(ErrorCode::kInvalidTxnState,
                  fmt::format("producer {} has an open transaction and sent a batch outside of it",
                              batch.producer_id()));
  }
  return {};
}

ProducerVerdict ProducerState::validate_marker(const kafka::RecordBatchView& batch,
                                               const ProducerEntry* entry) const {
  const auto marker = end_marker(batch);
  if (!marker || entry == nullptr || entry->coordinator_epoch <= marker->coordinator_epoch) return {};
  return refuse(ErrorCode::kTransactionCoordinatorFenced,
                fmt::format("marker for producer {} from coordinator epoch {}, newest is {}",
                            batch.producer_id(), marker->coordinator_epoch, entry->coordinator_epoch));
}

std::optional<AbortedEntry> ProducerState::apply(const kafka::RecordBatchView& batch) {
  std::optional<AbortedEntry> aborted;
  if (batch.has_producer_id()) {
    if (batch.is_control()) {
      aborted = apply_marker(batch);
    } else {
      apply_data(batch);
    }
  }
  end_offset_ = batch.next_offset();
  return aborted;
}

void ProducerState::apply_data(const kafka::RecordBatchView& batch) {
  ProducerEntry& entry = producers_[batch.producer_id()];
  entry.set_epoch(batch.producer_epoch());
  entry.add({.last_sequence = batch.last_sequence(),
             .offset_delta = batch.last_offset_delta(),
             .last_offset = batch.last_offset(),
             .timestamp = batch.max_timestamp()});
  entry.last_timestamp = batch.max_timestamp();
  if (batch.is_transactional() && entry.transaction_first_offset < Offset{0}) {
    entry.transaction_first_offset = batch.base_offset();
    open_[batch.base_offset()] = {.producer_id = batch.producer_id()};
  }
}

void ProducerState::recall(const kafka::RecordBatchView& batch) {
  if (!batch.has_producer_id() || batch.is_control()) return;
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return;
  ProducerEntry& entry = found->second;
  if (entry.epoch != batch.producer_epoch() || !entry.has_batches()) return;
  const ProducerBatch last = entry.last_batch();
  if (batch.last_offset() >= last.last_offset) return;
  --entry.batch_count;
  entry.add({.last_sequence = batch.last_sequence(),
             .offset_delta = batch.last_offset_delta(),
             .last_offset = batch.last_offset(),
             .timestamp = batch.max_timestamp()});
  entry.add(last);
}

std::optional<AbortedEntry> ProducerState::apply_marker(const kafka::RecordBatchView& batch) {
  const auto marker = end_marker(batch);
  if (!marker) return std::nullopt;
  ProducerEntry& entry = producers_[batch.producer_id()];
  const Offset first = entry.transaction_first_offset;
  entry.set_epoch(batch.producer_epoch());
  entry.transaction_first_offset = Offset{-1};
  entry.coordinator_epoch = marker->coordinator_epoch;
  entry.last_timestamp = batch.max_timestamp();
  if (first < Offset{0}) return std::nullopt;

  open_.erase(first);
  unreplicated_[first] = {.producer_id = batch.producer_id(), .last_offset = batch.last_offset()};
  if (marker->is_commit) return std::nullopt;
  const Offset stable = open_.empty() ? batch.last_offset() + 1 : open_.begin()->first;
  return AbortedEntry{batch.producer_id(), first, batch.last_offset(), stable};
}

std::optional<Offset> ProducerState::first_unstable_offset() const {
  std::optional<Offset> first;
  if (!unreplicated_.empty()) first = unreplicated_.begin()->first;
  if (!open_.empty() && (!first || open_.begin()->first < *first)) first = open_.begin()->first;
  return first;
}

void ProducerState::on_high_watermark(Offset high_watermark) {
  while (!unreplicated_.empty() && unreplicated_.begin()->second.last_offset < high_watermark)
    unreplicated_.erase(unreplicated_.begin());
}

void ProducerState::on_log_start(Offset log_start) {
  std::erase_if(unreplicated_, [&](const auto& item) { return item.second.last_offset < log_start; });
  end_offset_ = std::max(end_offset_, log_start);
}

bool ProducerState::has_open_transaction(kafka::ProducerId producer_id) const {
  const ProducerEntry* entry = find(producer_id);
  return entry != nullptr && entry->transaction_first_offset >= Offset{0};
}

void ProducerState::expire(std::int64_t now_ms) {
  const std::size_t expired = std::erase_if(producers_, [&](const auto& item) {
    return item.second.transaction_first_offset < Offset{0} &&
           now_ms - item.second.last_timestamp >= expiration_ms_;
  });
  has_forgotten_ |= expired > 0;
}

const ProducerEntry* ProducerState::find(kafka::ProducerId producer_id) const {
  const auto found = producers_.find(producer_id);
  return found == producers_.end() ? nullptr : &found->second;
}

void ProducerState::clear() {
  producers_.clear();
  open_.clear();
  unreplicated_.clear();
  end_offset_ = Offset{0};
  has_forgotten_ = false;
}

}  // namespace penstock::storage
