// Fetch, offset lookup and epoch lookup of a Partition.

#include <algorithm>

#include "broker/replication/partition.h"

namespace penstock::replication {

using kafka::ErrorCode;
using kafka::Offset;

// What the disk refuses now it may refuse any reader; damaged bytes concern those alone who want them.
ErrorCode Partition::read_error(const base::Error& error) {
  if (error.code() == base::Errc::kOutOfRange) return ErrorCode::kOffsetOutOfRange;
  if (error.code() == base::Errc::kIo) fail(error);
  return ErrorCode::kKafkaStorageError;
}

// KIP-320: whether the reader's log agrees with ours up to its fetch offset. False: `outcome` is the answer.
bool Partition::is_readable(const ReadRequest& request, ReadOutcome& outcome) const {
  if (request.last_fetched_epoch == kafka::kNoLeaderEpoch) return true;
  const storage::EpochEndOffset end = log_->end_offset_for_epoch(request.last_fetched_epoch);
  const bool is_unknown = end.epoch == kafka::kNoLeaderEpoch || end.end_offset == kafka::kNoOffset;
  // A fetch below the log start is out of range even when the logs have also diverged.
  if (is_unknown || request.offset < log_->log_start_offset()) {
    outcome.error = ErrorCode::kOffsetOutOfRange;
    return false;
  }
  if (end.epoch < request.last_fetched_epoch || end.end_offset < request.offset) {
    outcome.diverging = end;
    return false;
  }
  return true;
}

// A replica that follows serves consumers too, up to the high watermark that it knows.
ErrorCode Partition::check_reader(const ReadRequest& request) const {
  const ErrorCode error = check_leader(request.current_leader_epoch);
  const bool is_served = error == ErrorCode::kNotLeaderOrFollower && request.is_follower_enough &&
                         role_ == Role::kFollower && request.isolation != Isolation::kLogEnd;
  return is_served ? ErrorCode::kNone : error;
}

ReadOutcome Partition::read(const ReadRequest& request) {
  ReadOutcome outcome;
  outcome.error = check_reader(request);
  if (!outcome.is_ok()) return outcome;
  const bool is_in_range =
      request.offset >= log_->log_start_offset() && request.offset <= log_->log_end_offset();
  const bool is_agreed = is_readable(request, outcome);
  if (!outcome.is_ok()) return outcome;
  if (is_agreed && !is_in_range) {
    outcome.error = ErrorCode::kOffsetOutOfRange;
    return outcome;
  }
  outcome.high_watermark = log_->high_watermark();
  outcome.last_stable_offset = log_->last_stable_offset();
  outcome.log_start_offset = log_->log_start_offset();
  const Offset end = readable_end(request.isolation);
  const bool wants_bytes = request.bytes_max > 0 || request.is_one_batch_guaranteed;
  if (!is_agreed || request.offset >= end || !wants_bytes) return outcome;

  auto result = log_->read({.from = request.offset,
                            .bytes_max = std::max<std::int64_t>(request.bytes_max, 0),
                            .end = end,
                            .is_one_batch_required = request.is_one_batch_guaranteed,
                            .is_memory_required = request.is_memory_required,
                            .may_block = request.may_block});
  if (!result) {
    outcome.error = read_error(result.error());
    return outcome;
  }
  outcome.records = std::move(result->records);
  if (!request.may_block) outcome.warm_up = std::move(result->warm_up);
  if (request.isolation == Isolation::kReadCommitted && outcome.records.size() > 0) {
    auto aborted = log_->aborted_transactions(request.offset, end);
    if (!aborted) {
      outcome.error = read_error(aborted.error());
      return outcome;
    }
    outcome.aborted = std::move(*aborted);
  }
  return outcome;
}

storage::EpochEndOffset Partition::end_of_epoch(kafka::LeaderEpoch epoch) const {
  return log_->end_offset_for_epoch(epoch);
}

OffsetAnswer Partition::offset_for_timestamp(std::int64_t timestamp, Isolation isolation,
                                             kafka::LeaderEpoch current_leader_epoch) {
  if (const ErrorCode error = check_leader(current_leader_epoch); error != ErrorCode::kNone) {
    return {.error = error};
  }
  const Offset end = readable_end(isolation);
  // Right after an election the high watermark may still be behind what the last leader had answered.
  const OffsetAnswer unavailable{.error = ErrorCode::kOffsetNotAvailable};
  const bool is_behind = epoch_start_offset_ > end;
  if (timestamp == kLatestTimestamp) {
    if (is_behind) return unavailable;
    return {.offset = end, .leader_epoch = leader_epoch_};
  }
  OffsetAnswer answer = look_up(timestamp);
  if (timestamp < kLatestTimestamp && timestamp != kMaxTimestamp) return answer;
  if (answer.error != ErrorCode::kNone) return answer;
  if (answer.offset != kafka::kNoOffset && answer.offset < end) return answer;
  if (is_behind) return unavailable;
  return {};
}

OffsetAnswer Partition::look_up(std::int64_t timestamp) {
  switch (timestamp) {
    case kEarliestTimestamp:
    case kEarliestLocalTimestamp: {
      const Offset start = log_->log_start_offset();
      return {.offset = start, .leader_epoch = log_->epoch_at(start).value_or(kafka::kNoLeaderEpoch)};
    }
    case kLatestTieredTimestamp:
    case kEarliestPendingUploadTimestamp:
      return {};  // Nothing is tiered.
    default:
      break;
  }
  auto found =
      timestamp == kMaxTimestamp ? log_->offset_of_max_timestamp() : log_->offset_for_timestamp(timestamp);
  if (!found) return {.error = read_error(found.error())};
  if (!*found) return {};
  return {.timestamp = (*found)->timestamp, .offset = (*found)->offset, .leader_epoch = (*found)->epoch};
}

}  // namespace penstock::replication
