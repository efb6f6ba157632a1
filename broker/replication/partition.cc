#include "broker/replication/partition.h"

#include <tuple>
#include <utility>

#include <fmt/format.h>  // Ids in log lines.

#include "base/log.h"

namespace penstock::replication {

using kafka::ErrorCode;
using kafka::Offset;

namespace {
constexpr base::Logger log_line("replication");
}

Partition::Partition(PartitionKey key, std::string name, kafka::NodeId self,
                     std::unique_ptr<storage::Log> log, PartitionConfig config)
    : key_(key), name_(std::move(name)), self_(self), log_(std::move(log)), config_(std::move(config)) {}

Partition::~Partition() { release_log(); }

Offset Partition::high_watermark() const { return log_->high_watermark(); }
Offset Partition::log_start_offset() const { return log_->log_start_offset(); }
Offset Partition::log_end_offset() const { return log_->log_end_offset(); }

Offset Partition::readable_end(Isolation isolation) const {
  switch (isolation) {
    case Isolation::kReadUncommitted:
      return log_->high_watermark();
    case Isolation::kReadCommitted:
      return log_->last_stable_offset();
    case Isolation::kLogEnd:
      return log_->log_end_offset();
  }
  return log_->high_watermark();
}

void Partition::become_leader(const LocalReplica& replica, base::MonoTime now) {
  if (has_failed_ || replica.leader_epoch < leader_epoch_) return;
  const bool is_new_epoch = role_ != Role::kLeader || replica.leader_epoch > leader_epoch_;
  // The controller's answer to a proposal may have told it already.
  if (!is_new_epoch && replica.partition_epoch <= partition_epoch_) return;
  partition_epoch_ = replica.partition_epoch;
  leader_ = self_;
  if (is_new_epoch) {
    leader_epoch_ = replica.leader_epoch;
    epoch_start_offset_ = log_->log_end_offset();
    log_->assign_epoch_start(leader_epoch_);
    isr_ = IsrState(self_, replica, now);
    isr_proposal_.reset();
    isr_growth_at_ = now;
    const bool was_leader = std::exchange(role_, Role::kLeader) == Role::kLeader;
    // An append of the epoch before may be lost with it; whoever waits asks again.
    if (was_leader) fail_commit_waiters(ErrorCode::kNotLeaderOrFollower);
    notify(Readers::kAll, 0, true);
    log_line.info("{} is led here from offset {} in epoch {}", name_, epoch_start_offset_, leader_epoch_);
  } else {
    isr_.update(self_, replica);
    isr_proposal_.reset();
  }
  advance_high_watermark(now);
  answer_low_watermark_waiters();
}

void Partition::follow(const LocalReplica& replica) {
  const bool is_older = replica.leader_epoch < leader_epoch_ ||
                        (replica.leader_epoch == leader_epoch_ && replica.partition_epoch < partition_epoch_);
  if (is_older) return;
  const bool has_leader = replica.leader != kafka::kNoNode && !has_failed_;
  const Role role = has_leader ? Role::kFollower : Role::kOffline;
  partition_epoch_ = replica.partition_epoch;
  if (role == role_ && replica.leader == leader_ && replica.leader_epoch == leader_epoch_) return;
  resign(role, replica.leader, replica.leader_epoch);
  // An epoch that was led here without a record is not where this log agrees with another; drops nothing
  // else.
  if (role == Role::kFollower) std::ignore = keep(log_->truncate_to(log_->log_end_offset()));
}

void Partition::resign(Role role, kafka::NodeId leader, kafka::LeaderEpoch epoch) {
  BASE_ASSERT(role != Role::kLeader, "a partition resigns to follow or to be offline");
  role_ = role;
  leader_ = leader;
  leader_epoch_ = std::max(leader_epoch_, epoch);
  flush_gate_.reset();
  isr_proposal_.reset();
  fail_commit_waiters(has_failed_ ? ErrorCode::kKafkaStorageError : ErrorCode::kNotLeaderOrFollower);
  notify(Readers::kAll, 0, true);
}

void Partition::set_config(PartitionConfig config) { config_ = std::move(config); }

void Partition::set_peers(PeersPtr peers, base::MonoTime now) {
  peers_ = std::move(peers);
  advance_high_watermark(now);
  answer_low_watermark_waiters();
}

std::unique_ptr<storage::Log> Partition::release_log() {
  if (!log_) return nullptr;
  resign(Role::kOffline, leader_, leader_epoch_);
  while (ChangeWaiter* waiter = change_waiters_.pop_front()) waiter->on_change(0, true);
  return std::move(log_);
}

ErrorCode Partition::check_leader(kafka::LeaderEpoch current_leader_epoch) const {
  if (has_failed_) return ErrorCode::kKafkaStorageError;
  if (current_leader_epoch != kafka::kNoLeaderEpoch) {
    if (current_leader_epoch < leader_epoch_) return ErrorCode::kFencedLeaderEpoch;
    if (current_leader_epoch > leader_epoch_) return ErrorCode::kUnknownLeaderEpoch;
  }
  return role_ == Role::kLeader ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

void Partition::advance_high_watermark(base::MonoTime now) {
  if (role_ != Role::kLeader) return;
  const auto committed = isr_.committed(log_->log_end_offset(), config_.min_insync_replicas, now,
                                        config_.replica_lag_max, peers_.get());
  if (!committed) return;
  const Offset target = flush_gate_ ? std::min(*committed, *flush_gate_) : *committed;
  if (target <= log_->high_watermark()) return;
  log_->set_high_watermark(target);
  answer_commit_waiters();
  notify(Readers::kOfCommitted, std::exchange(bytes_not_announced_, 0), false);
}

ErrorCode Partition::commit_verdict() const {
  return isr_.may_have_enough(config_.min_insync_replicas) ? ErrorCode::kNone
                                                           : ErrorCode::kNotEnoughReplicasAfterAppend;
}

void Partition::wait_commit(CommitWaiter& waiter) {
  BASE_ASSERT(role_ == Role::kLeader && !is_committed(waiter.required), "nothing to wait for");
  commit_waiters_.insert_by(waiter, [](const CommitWaiter& w) { return w.required; });
}

void Partition::wait_flush(CommitWaiter& waiter) {
  BASE_ASSERT(flush_gate_.has_value(), "no flush is wanted");
  flush_waiters_.insert_by(waiter, [](const CommitWaiter& w) { return w.required; });
}

void Partition::answer_commit_waiters() {
  const Offset committed = log_->high_watermark();
  while (!commit_waiters_.is_empty() && commit_waiters_.front()->required <= committed) {
    commit_waiters_.pop_front()->on_commit(commit_verdict());
  }
}

void Partition::answer_flush_waiters(Offset flushed) {
  while (!flush_waiters_.is_empty() && flush_waiters_.front()->required <= flushed) {
    flush_waiters_.pop_front()->on_commit(ErrorCode::kNone);
  }
}

void Partition::fail_commit_waiters(ErrorCode error) {
  while (CommitWaiter* waiter = commit_waiters_.pop_front()) waiter->on_commit(error);
  while (CommitWaiter* waiter = flush_waiters_.pop_front()) waiter->on_commit(error);
  while (CommitWaiter* waiter = low_watermark_waiters_.pop_front()) waiter->on_commit(error);
}

void Partition::notify(Readers readers, std::int64_t bytes, bool must_answer) {
  change_waiters_.for_each([&](ChangeWaiter& waiter) {
    const Readers kind = waiter.isolation == Isolation::kLogEnd ? Readers::kOfLogEnd : Readers::kOfCommitted;
    if (readers == Readers::kAll || readers == kind) {
      waiter.on_change(bytes, must_answer);
    } else if (readers == Readers::kOfCommitted && waiter.hears_of_commits) {
      waiter.on_change(0, true);
    }
  });
}

storage::FlushJob Partition::begin_flush() {
  BASE_ASSERT(is_flush_wanted(), "no flush is wanted");
  is_flushing_ = true;
  return log_->make_flush_job();
}

void Partition::end_flush(const storage::FlushJob& job, const base::Result<>& outcome, base::MonoTime now,
                          std::int64_t wall_ms) {
  is_flushing_ = false;
  log_->finish_flush(job, outcome);
  if (!outcome) return fail(outcome.error());
  if (!flush_gate_) return;  // Resigned meanwhile.
  // What was appended while the flush ran may want one of its own.
  const bool is_due_again = log_->recovery_point() < log_->log_end_offset() && log_->is_flush_due(wall_ms);
  flush_gate_ = is_due_again ? std::optional(job.target()) : std::nullopt;
  answer_flush_waiters(is_due_again ? job.target() : log_->log_end_offset());
  advance_high_watermark(now);
}

void Partition::want_flush_if_due(std::int64_t wall_ms) {
  // What is visible stays so; only appends from here on wait.
  if (role_ == Role::kLeader && !flush_gate_ && log_->is_flush_due(wall_ms)) {
    flush_gate_ = log_->log_end_offset();
  }
}

void Partition::fail(const base::Error& error) {
  if (has_failed_) return;
  log_line.error("{} goes offline: {}", name_, error.what());
  has_failed_ = true;
  log_->fail(error);
  resign(Role::kOffline, leader_, leader_epoch_);
  if (failure_listener_) failure_listener_(error);
}

Partition::DeleteOutcome Partition::delete_records(Offset before) {
  if (const ErrorCode error = check_leader(kafka::kNoLeaderEpoch); error != ErrorCode::kNone) {
    return {.error = error};
  }
  if (!config_.is_deletion_allowed) return {.error = ErrorCode::kPolicyViolation};
  const Offset target = before == Offset(-1) ? log_->high_watermark() : before;
  if (target < Offset(0) || target > log_->high_watermark()) return {.error = ErrorCode::kOffsetOutOfRange};
  if (auto moved = log_->increment_log_start_offset(target); !moved) {
    return {.error = moved.error().code() == base::Errc::kOutOfRange ? ErrorCode::kOffsetOutOfRange
                                                                     : ErrorCode::kKafkaStorageError};
  }
  notify(Readers::kAll, 0, true);
  return {.low_watermark = low_watermark()};
}

Offset Partition::low_watermark() const { return isr_.low_watermark(log_->log_start_offset(), peers_.get()); }

void Partition::wait_low_watermark(CommitWaiter& waiter) {
  BASE_ASSERT(role_ == Role::kLeader && low_watermark() < waiter.required, "nothing to wait for");
  low_watermark_waiters_.insert_by(waiter, [](const CommitWaiter& w) { return w.required; });
}

void Partition::answer_low_watermark_waiters() {
  if (low_watermark_waiters_.is_empty()) return;
  const Offset low = low_watermark();
  while (!low_watermark_waiters_.is_empty() && low_watermark_waiters_.front()->required <= low) {
    low_watermark_waiters_.pop_front()->on_commit(ErrorCode::kNone);
  }
}

base::Result<std::size_t> Partition::apply_retention(std::int64_t wall_ms) {
  const Offset before = log_->log_start_offset();
  TRY(log_->roll_if_old(wall_ms));
  TRY_ASSIGN(const std::size_t dropped, log_->apply_retention(wall_ms));
  if (log_->log_start_offset() != before) notify(Readers::kAll, 0, true);
  return dropped;
}

}  // namespace penstock::replication
