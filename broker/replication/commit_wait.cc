#include "broker/replication/commit_wait.h"

namespace penstock::replication {

using kafka::ErrorCode;

void CommitWaits::add_commit(Partition& partition, AppendOutcome& outcome) {
  if (partition.is_committed(outcome.end_offset)) {
    outcome.error = partition.commit_verdict();
    return;
  }
  partition.wait_commit(waiters_.emplace_back(*this, outcome));
  ++pending_;
}

void CommitWaits::add_flush(Partition& partition, AppendOutcome& outcome) {
  partition.wait_flush(waiters_.emplace_back(*this, outcome));
  ++pending_;
}

void CommitWaits::add_low_watermark(Partition& partition, AppendOutcome& outcome) {
  if (partition.low_watermark() >= outcome.end_offset) return;
  partition.wait_low_watermark(waiters_.emplace_back(*this, outcome));
  ++pending_;
}

void CommitWaits::Waiter::on_commit(ErrorCode error) {
  outcome.error = error;
  // The partition is in the middle of its work, so the request goes on later.
  if (--all.pending_ == 0 && all.is_waiting_) all.reactor_.post([done = all.done_] { done.set(true); });
}

aio::Task<> CommitWaits::wait(base::Duration timeout) {
  if (pending_ == 0) co_return;
  is_waiting_ = true;
  const aio::TimerId timer = reactor_.call_after(timeout, [done = done_] { done.set(false); });
  const bool is_done = co_await done_.wait();
  reactor_.cancel(timer);
  if (is_done) co_return;
  for (Waiter& waiter : waiters_) {
    if (!waiter.is_waiting()) continue;
    waiter.leave();
    waiter.outcome.error = ErrorCode::kRequestTimedOut;
  }
}

}  // namespace penstock::replication
