// The log as the raft core sees it: synchronous, of whole batches that already carry offsets and epochs.
//
// Threads: the control reactor, except FlushWork::run.
#pragma once

#include <functional>
#include <optional>

#include "base/error.h"
#include "broker/raft/types.h"

namespace penstock::raft {

class RaftLog {
 public:
  virtual ~RaftLog() = default;
  virtual Offset start_offset() const = 0;
  virtual Offset end_offset() const = 0;
  // Of the last batch; of the snapshot when the log is empty; 0 when there is neither.
  virtual LeaderEpoch last_epoch() const = 0;
  // As of the newest record, committed or not: the set of voters is that of the log's end.
  virtual const VoterSet& voters() const = 0;
  // Of the batch that has them; kNoOffset when it is not in the log.
  virtual Offset voters_offset() const = 0;
  virtual std::int16_t kraft_version() const = 0;
  // The newest epoch that is not above `epoch`, and where it ends.
  virtual OffsetAndEpoch end_of(LeaderEpoch epoch) const = 0;

  // REQUIRES: whole batches; the first base offset is end_offset(). ERRORS: kIo, kNoSpace, kCorrupt.
  virtual base::Result<> append(base::ByteSpan batches) = 0;
  // Whole batches from the one that holds `from`; at least one when there is one.
  virtual base::Result<base::Bytes> read(Offset from, std::size_t bytes_max) = 0;
  virtual base::Result<> truncate_to(Offset end) = 0;

  // The oldest and the newest snapshot of committed state; the log begins at 0 or at a snapshot.
  virtual std::optional<OffsetAndEpoch> earliest_snapshot() const = 0;
  virtual std::optional<OffsetAndEpoch> latest_snapshot() const = 0;
  // nullopt when there is no such snapshot.
  virtual std::optional<std::int64_t> snapshot_bytes(const OffsetAndEpoch& id) const = 0;
  // Drops the log; it goes on behind the snapshot. REQUIRES: snapshot_bytes(id). ERRORS: kIo.
  virtual base::Result<> start_at(const OffsetAndEpoch& id) = 0;

  // Makes everything appended before begin_flush() durable: run the work on the blocking pool, one at a time,
  // while the control reactor appends on; then say how it went.
  struct FlushWork {
    Offset target{};
    std::move_only_function<base::Result<>()> run;
  };
  virtual FlushWork begin_flush() = 0;
  // Returns up to where the log is durable: below the target when it was cut meanwhile.
  virtual Offset finish_flush(const base::Result<>& outcome) = 0;
};

}  // namespace penstock::raft
