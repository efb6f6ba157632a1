// Appending to a Log.
#include <fmt/format.h>

#include <algorithm>

#include "broker/storage/log_state.h"
#include "kafka/record_batch.h"
#include "kafka/record_validation.h"

namespace penstock::storage {

namespace {

using base::Errc;
using kafka::BatchCursor;
using kafka::ErrorCode;
using kafka::RecordBatchView;

struct Span {
  Offset first{0};
  Offset last{0};
  std::int64_t max_timestamp = kafka::kNoTimestamp;
};

bool should_roll(LogState& s, std::int64_t bytes, const Span& span, std::int64_t now_ms) {
  const Segment& segment = s.active_segment();
  if (span.last - segment.base > INT32_MAX) return true;
  if (segment.size_bytes == 0) return false;
  const bool has_time = s.active.first_timestamp.value_or(-1) >= 0 && span.max_timestamp >= 0;
  const std::int64_t waited = has_time ? span.max_timestamp - *s.active.first_timestamp  //
                                       : now_ms - s.active.created_ms;
  return segment.size_bytes + bytes > s.config.segment_bytes ||
         waited > s.config.segment_ms - s.config.segment_jitter_ms ||
         s.active.offsets.is_full(s.config.segment_index_bytes) ||
         s.active.times.is_full(s.config.segment_index_bytes);
}

void apply_producers(LogState& s, const RecordBatchView& batch) {
  if (!s.options.has_producer_state) return;
  if (auto aborted = s.producers.apply(batch)) {
    s.add_aborted(*aborted);
  }
}

// The batches are in the file at `position`.
void account(LogState& s, base::ByteSpan batches, std::int64_t position) {
  bool has_new_epoch = false;
  Segment& segment = s.active_segment();
  BatchCursor cursor(batches);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    const RecordBatchView& view = **batch;
    s.index_batch(view, position);
    apply_producers(s, view);
    has_new_epoch |= s.epochs.assign(view.leader_epoch(), view.base_offset());
    s.tail.append(view.bytes(), {view.base_offset(), segment.base, position}, view.last_offset());
    position += static_cast<std::int64_t>(view.size_bytes());
    s.log_end = view.next_offset();
  }
  segment.size_bytes = position;
  if (has_new_epoch) s.epochs_changed();
}

Span span_of(base::ByteSpan batches) {
  Span span;
  BatchCursor cursor(batches);
  bool is_first = true;
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    if (is_first) span.first = (*batch)->base_offset();
    is_first = false;
    span.last = (*batch)->last_offset();
    span.max_timestamp = std::max(span.max_timestamp, (*batch)->max_timestamp());
  }
  return span;
}

// Gives offsets and epoch to every batch. ERRORS: kCorrupt unless these are whole batches.
base::Result<> assign_offsets(std::span<std::uint8_t> batches, Offset next, LeaderEpoch epoch) {
  BatchCursor cursor(batches);
  while (true) {
    const std::size_t at = cursor.position();
    TRY_ASSIGN(const auto batch, cursor.next());
    if (!batch) break;
    kafka::set_base_offset(batches.subspan(at), next);
    kafka::set_leader_epoch(batches.subspan(at), epoch);
    next = batch->next_offset();
  }
  if (batches.empty() || cursor.remaining() != 0)
    return base::fail(Errc::kCorrupt, "append: not a run of whole batches");
  return {};
}

// What a follower may take of what its leader sent: whole, valid batches in order from the log's end on.
base::Result<std::size_t> check_replicated(base::ByteSpan batches, Offset log_end) {
  BatchCursor cursor(batches);
  Offset next = log_end;
  while (true) {
    TRY_ASSIGN(const auto batch, cursor.next());
    if (!batch) return cursor.position();
    TRY(kafka::check_batch(*batch));
    if (batch->base_offset() < next) {
      return base::fail(Errc::kOutOfRange, fmt::format("batch at {} does not follow the log's end {}",
                                                       batch->base_offset(), next));
    }
    next = batch->next_offset();
  }
}

AppendInfo refusal(ErrorCode error, std::string message) {
  AppendInfo info;
  info.error = error;
  info.message = std::move(message);
  return info;
}

}  // namespace

base::Result<AppendInfo> Log::append_as_leader(std::span<std::uint8_t> batches, LeaderAppend how) {
  LogState& s = *state_;
  TRY(s.check_usable());
  if (static_cast<std::int64_t>(batches.size()) > s.config.segment_bytes) {
    return refusal(ErrorCode::kRecordListTooLarge, fmt::format("{} bytes do not fit in a segment of {}",
                                                               batches.size(), s.config.segment_bytes));
  }
  TRY(assign_offsets(batches, s.log_end, how.epoch));
  // A producer that is not known may have been forgotten, so Kafka takes any sequence from it. But one whose
  // first batch was refused during a change of leaders has the next on its way: were that taken, the first
  // would be out of order for ever (KAFKA-14359). Where nothing can have been forgotten, it has to wait.
  how.is_first_sequence_zero_required |= s.log_start == Offset{0} && s.producers.is_complete();
  AppendInfo info;
  BatchCursor cursor(batches);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
    const RecordBatchView& view = **batch;
    if (view.timestamp_type() == kafka::TimestampType::kLogAppendTime)
      info.log_append_time_ms = view.max_timestamp();
    if (!s.options.has_producer_state || !view.has_producer_id()) continue;
    const ProducerVerdict verdict = s.producers.validate(view, how);
    if (verdict.error != ErrorCode::kNone) return refusal(verdict.error, verdict.message);
    if (verdict.duplicate) {
      info.is_duplicate = true;
      info.base_offset = verdict.duplicate->first_offset();
      info.last_offset = verdict.duplicate->last_offset;
      if (info.log_append_time_ms >= 0) info.log_append_time_ms = verdict.duplicate->timestamp;
      info.log_start_offset = s.log_start;
      return info;
    }
  }
  return append_checked(batches, how.now_ms, std::move(info));
}

base::Result<AppendInfo> Log::append_as_follower(base::ByteSpan batches, std::int64_t now_ms) {
  TRY(state_->check_usable());
  TRY_ASSIGN(const std::size_t whole, check_replicated(batches, state_->log_end));
  if (whole == 0) {
    AppendInfo nothing;
    nothing.log_start_offset = state_->log_start;
    return nothing;
  }
  return append_checked(batches.first(whole), now_ms, {});
}

base::Result<AppendInfo> Log::append_checked(base::ByteSpan batches, std::int64_t now_ms, AppendInfo info) {
  LogState& s = *state_;
  const Span span = span_of(batches);
  const auto bytes = static_cast<std::int64_t>(batches.size());
  if (s.active.created_ms == 0) s.active.created_ms = now_ms;
  if (should_roll(s, bytes, span, now_ms)) {
    TRY(s.roll_to(std::max(span.first, s.log_end), now_ms));
    info.has_rolled = true;
  }
  const std::int64_t position = s.active_segment().size_bytes;
  if (auto written = s.active.file->write_at(position, batches); !written) {
    fail(written.error());
    return base::fail(written.error());
  }
  if (s.log_end == s.recovery_point) s.last_flush_ms = now_ms;
  account(s, batches, position);
  s.unflushed_bytes += bytes;
  s.bytes_since_restart_point += bytes;
  s.queue_write_back();
  s.queue_preallocation();

  info.base_offset = span.first;
  info.last_offset = span.last;
  info.log_start_offset = s.log_start;
  info.bytes = bytes;
  return info;
}

void Log::assign_epoch_start(LeaderEpoch epoch) {
  if (state_->epochs.assign(epoch, state_->log_end)) state_->epochs_changed();
}

base::Result<> Log::roll(std::int64_t now_ms) {
  TRY(state_->check_usable());
  return state_->roll_to(state_->log_end, now_ms);
}

base::Result<bool> Log::roll_if_old(std::int64_t now_ms) {
  LogState& s = *state_;
  TRY(s.check_usable());
  if (s.active_segment().size_bytes == 0) return false;
  const std::int64_t since =
      s.active.first_timestamp.value_or(-1) >= 0 ? *s.active.first_timestamp : s.active.created_ms;
  if (now_ms - since <= s.config.segment_ms) return false;
  TRY(s.roll_to(s.log_end, now_ms));
  return true;
}

}  // namespace penstock::storage
