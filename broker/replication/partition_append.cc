// The produce path of a Partition.

#include <fmt/format.h>

#include "broker/replication/partition.h"
#include "kafka/record_batch.h"
#include "kafka/record_validation.h"

namespace penstock::replication {

using kafka::ErrorCode;

namespace {

AppendOutcome refused(ErrorCode error, std::string message = {}) {
  AppendOutcome outcome;
  outcome.error = error;
  outcome.message = std::move(message);
  return outcome;
}

}  // namespace

AppendOutcome Partition::append(const AppendRequest& request, kafka::Decompressor& decompressor,
                                base::MonoTime now, std::int64_t wall_ms) {
  if (const ErrorCode error = check_leader(kafka::kNoLeaderEpoch); error != ErrorCode::kNone) {
    return refused(error);
  }
  if (request.acks == -1 && !isr_.has_enough(config_.min_insync_replicas)) {
    return refused(ErrorCode::kNotEnoughReplicas,
                   fmt::format("The ISR of {} has {} replicas, min.insync.replicas asks for {}.", name_,
                               isr_.isr_size(), isr_.effective_min_isr(config_.min_insync_replicas)));
  }
  if (request.origin != storage::AppendOrigin::kClient) {
    return append_validated(request.records, request, now, wall_ms);
  }
  kafka::RecordRules rules = config_.rules;
  rules.produce_version = request.produce_version;
  kafka::RecordVerdict verdict =
      kafka::validate_produced(request.records, rules, wall_ms, name_, decompressor);
  if (!verdict.is_ok()) {
    AppendOutcome outcome = refused(verdict.error, std::move(verdict.message));
    outcome.record_errors = std::move(verdict.record_errors);
    return outcome;
  }
  if (auto view = kafka::RecordBatchView::parse(request.records); view && view->is_transactional()) {
    // No transaction coordinator runs here, so no producer id belongs to a transactional id.
    return refused(ErrorCode::kInvalidProducerIdMapping, "The producer's transaction is not known here.");
  }
  const std::span<std::uint8_t> batch =
      verdict.converted.empty() ? request.records : std::span<std::uint8_t>(verdict.converted);
  AppendOutcome outcome = append_validated(batch, request, now, wall_ms);
  if (outcome.is_ok() && outcome.log_append_time_ms == kafka::kNoTimestamp) {
    outcome.log_append_time_ms = verdict.log_append_time_ms;
  }
  return outcome;
}

AppendOutcome Partition::append_validated(std::span<std::uint8_t> batch, const AppendRequest& request,
                                          base::MonoTime now, std::int64_t wall_ms) {
  if (batch.size() > static_cast<std::size_t>(log_->config().segment_bytes)) {
    return refused(ErrorCode::kRecordListTooLarge,
                   fmt::format("A batch of {} bytes exceeds segment.bytes ({}) of {}.", batch.size(),
                               log_->config().segment_bytes, name_));
  }
  const kafka::Offset end_before = log_->log_end_offset();
  auto appended =
      log_->append_as_leader(batch, {.epoch = leader_epoch_, .now_ms = wall_ms, .origin = request.origin});
  if (!appended) {
    fail(appended.error());
    return refused(ErrorCode::kKafkaStorageError);
  }
  if (appended->error != ErrorCode::kNone) return refused(appended->error, std::move(appended->message));

  AppendOutcome outcome;
  outcome.base_offset = appended->base_offset;
  outcome.end_offset = appended->last_offset + 1;
  outcome.log_append_time_ms = appended->log_append_time_ms;
  outcome.log_start_offset = appended->log_start_offset;
  if (!appended->is_duplicate) {
    bytes_not_announced_ += appended->bytes;
    if (!flush_gate_ && log_->is_flush_due(wall_ms)) flush_gate_ = end_before;
    notify(Readers::kOfLogEnd, appended->bytes, false);
    advance_high_watermark(now);
  }
  outcome.is_flush_pending = flush_gate_ && outcome.end_offset > *flush_gate_;
  return outcome;
}

}  // namespace penstock::replication
