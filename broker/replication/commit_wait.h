// The appends of one request that wait together, until all are committed or the request's time is over.
//
// Lifetime: in the frame of the coroutine that waits; partitions may go meanwhile.
// Threads: the partitions' reactor.
#pragma once

#include <deque>

#include "base/aio/completion.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/replication/partition.h"

namespace penstock::replication {

class CommitWaits {
 public:
  explicit CommitWaits(aio::Reactor& reactor) : reactor_(reactor) {}
  CommitWaits(const CommitWaits&) = delete;
  CommitWaits& operator=(const CommitWaits&) = delete;

  // Nothing happens when it is committed already. `outcome` gets the error, and lives until wait() is over.
  void add_commit(Partition& partition, AppendOutcome& outcome);
  void add_flush(Partition& partition, AppendOutcome& outcome);
  // Until the replicas in service begin at `outcome.end_offset` or later.
  void add_low_watermark(Partition& partition, AppendOutcome& outcome);
  // Those that are still waiting after `timeout` get REQUEST_TIMED_OUT.
  aio::Task<> wait(base::Duration timeout);

 private:
  struct Waiter final : CommitWaiter {
    Waiter(CommitWaits& all_waits, AppendOutcome& of) : all(all_waits), outcome(of) {
      required = of.end_offset;
    }
    void on_commit(kafka::ErrorCode error) override;
    CommitWaits& all;
    AppendOutcome& outcome;
  };

  aio::Reactor& reactor_;
  std::deque<Waiter> waiters_;
  std::size_t pending_ = 0;
  bool is_waiting_ = false;
  aio::Completion<bool> done_;
};

}  // namespace penstock::replication
