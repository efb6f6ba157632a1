// A follower's side of a Partition: taking what the leader sent, and giving up what the leader does not have.
//
// Source: Kafka's ReplicaFetcherThread and AbstractFetcherThread; KIP-101, KIP-279, KIP-320.

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "broker/replication/partition.h"
#include "kafka/record_batch.h"

namespace penstock::replication {

using base::Errc;
using kafka::LeaderEpoch;
using kafka::Offset;

namespace {
constexpr base::Logger log_line("replication");
}

FollowerPosition Partition::position() const {
  return {.leader_epoch = leader_epoch_,
          .fetch_offset = log_->log_end_offset(),
          .last_epoch = log_->latest_epoch().value_or(kafka::kNoLeaderEpoch),
          .log_start_offset = log_->log_start_offset()};
}

// An I/O error takes the partition offline; anything else left the log as it was.
base::Result<> Partition::keep(base::Result<> done) {
  if (!done && (done.error().code() == Errc::kIo || done.error().code() == Errc::kNoSpace)) {
    fail(done.error());
  }
  return done;
}

// Epochs only grow along a log, and none is above the epoch in which the leader sent them: a batch of another
// kind would break the search for where two logs part.
base::Result<> Partition::check_leader_batches(base::ByteSpan records) const {
  kafka::BatchCursor cursor(records);
  LeaderEpoch last = log_->latest_epoch().value_or(kafka::kNoLeaderEpoch);
  while (true) {
    TRY_ASSIGN(const auto batch, cursor.next());
    if (!batch) return {};
    const LeaderEpoch epoch = batch->leader_epoch();
    if (epoch > leader_epoch_ || (epoch != kafka::kNoLeaderEpoch && epoch < last)) {
      return base::fail(Errc::kCorrupt, fmt::format("batch at {} has epoch {}, after {} and in epoch {}",
                                                    batch->base_offset(), epoch, last, leader_epoch_));
    }
    last = std::max(last, epoch);
  }
}

// The leader's log start lies inside a batch (DeleteRecords), so its first batch begins before our empty log
// does.
base::Result<> Partition::append_behind_start(base::ByteSpan records, std::int64_t wall_ms) {
  const Offset start = log_->log_start_offset();
  kafka::BatchCursor cursor(records);
  TRY_ASSIGN(const auto first, cursor.next());
  const bool is_behind = first && start == log_->log_end_offset() && first->base_offset() < start &&
                         first->last_offset() >= start;
  if (is_behind) TRY(log_->truncate_fully_and_start_at(first->base_offset()));
  const Offset end_before = log_->log_end_offset();
  auto appended = log_->append_as_follower(records, wall_ms);
  if (is_behind) {
    log_->set_high_watermark(start);
    TRY(log_->increment_log_start_offset(std::min(start, log_->log_end_offset())));
  }
  if (!appended) return base::fail(appended.error());
  bytes_not_announced_ += appended->bytes;
  if (appended->bytes > 0 && !flush_gate_ && log_->is_flush_due(wall_ms)) flush_gate_ = end_before;
  return {};
}

base::Result<> Partition::append_from_leader(const LeaderData& data, std::int64_t wall_ms) {
  BASE_ASSERT(role_ == Role::kFollower, "only a follower takes what a leader sends");
  if (!data.records.empty()) {
    TRY(check_leader_batches(data.records));
    TRY(keep(append_behind_start(data.records, wall_ms)));
  }
  // What was committed once stays so; a new leader's own high watermark may be behind.
  const Offset committed = std::min(data.high_watermark, log_->log_end_offset());
  if (committed > log_->high_watermark()) {
    log_->set_high_watermark(committed);
    notify(Readers::kOfCommitted, std::exchange(bytes_not_announced_, 0), false);
  }
  const Offset start = std::min(data.log_start_offset, log_->high_watermark());
  if (start > log_->log_start_offset()) {
    TRY(keep(log_->increment_log_start_offset(start)));
    notify(Readers::kAll, 0, true);
  }
  return {};
}

base::Result<> Partition::truncate_to_agreement(const storage::EpochEndOffset& leader) {
  BASE_ASSERT(role_ == Role::kFollower, "only a follower truncates");
  const Offset end = log_->log_end_offset();
  Offset target = std::min(leader.end_offset, end);
  if (leader.end_offset == kafka::kNoOffset) {
    target = log_->high_watermark();
  } else if (leader.epoch != kafka::kNoLeaderEpoch) {
    const storage::EpochEndOffset ours = log_->end_offset_for_epoch(leader.epoch);
    // An epoch that we do not have: we part from the leader at or before the end of the largest one below it.
    if (ours.end_offset != kafka::kNoOffset) {
      target = std::min(ours.epoch == leader.epoch ? target : end, ours.end_offset);
    }
  }
  target = std::max(target, log_->log_start_offset());
  if (target < log_->high_watermark()) {
    log_line.warn(
        "{}: the leader {} of epoch {} parts from this log at {}, below the high watermark {}: what "
        "was committed from there to {} is dropped here",
        name_, leader_, leader_epoch_, target, log_->high_watermark(), end);
  } else {
    log_line.info("{}: dropping [{}, {}), which the leader {} of epoch {} does not have", name_, target, end,
                  leader_, leader_epoch_);
  }
  TRY(keep(log_->truncate_to(target)));
  bytes_not_announced_ = 0;
  notify(Readers::kAll, 0, true);
  return {};
}

base::Result<> Partition::restart_within(Offset leader_start, Offset leader_end) {
  BASE_ASSERT(role_ == Role::kFollower, "only a follower truncates");
  const Offset end = log_->log_end_offset();
  if (leader_end < end) {
    log_line.warn(
        "{}: the leader {} of epoch {} ends at {}, before this log's {} (high watermark {}): the rest "
        "is dropped here",
        name_, leader_, leader_epoch_, leader_end, end, log_->high_watermark());
    TRY(keep(leader_end < log_->log_start_offset() ? log_->truncate_fully_and_start_at(leader_start)
                                                   : log_->truncate_to(leader_end)));
  } else if (leader_start > end) {
    log_line.warn("{}: the leader {} begins at {}, behind the end {} of this log, which begins anew there",
                  name_, leader_, leader_start, end);
    TRY(keep(log_->truncate_fully_and_start_at(leader_start)));
  } else {
    return {};
  }
  bytes_not_announced_ = 0;
  notify(Readers::kAll, 0, true);
  return {};
}

}  // namespace penstock::replication
