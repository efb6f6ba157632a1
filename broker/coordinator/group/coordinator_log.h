// The log of one coordinator shard: a partition of __consumer_offsets, as its leader sees it. Implemented by
// broker/server over replication::Partition, and in memory by tests.
//
// Threads: the reactor of the shard.
// Lifetime: outlives the coordinator that was given it.
#pragma once

#include <cstddef>

#include "base/aio/task.h"
#include "base/bytes.h"
#include "base/error.h"
#include "kafka/ids.h"

namespace penstock::coordinator {

class CoordinatorLog {
 public:
  virtual ~CoordinatorLog() = default;

  // Appends one complete v2 batch (base offset and leader epoch are patched by the log) as the leader, with
  // acks=all, and returns the offset of its last record. The batch is replicated but not yet committed.
  // ERRORS: kConflict, kShuttingDown (no longer the leader); kUnavailable (too few in-sync replicas);
  //         kLimitExceeded (larger than max.message.bytes); kIo, kNoSpace (the log is offline).
  virtual base::Result<kafka::Offset> append(base::Bytes batch) = 0;

  // Resumes once the high watermark is above `offset`.
  // ERRORS: as append(), when leadership ends first.
  virtual aio::Task<base::Result<>> wait_committed(kafka::Offset offset) = 0;

  // The shard goes away: every wait, now and later, ends with kShuttingDown.
  virtual void close() {}

  virtual kafka::Offset start_offset() const = 0;
  virtual kafka::Offset end_offset() const = 0;
  virtual kafka::Offset high_watermark() const = 0;

  // Whole batches from the one that holds `from`, uncommitted ones too; about bytes_max, at least one batch.
  // Empty at the end of the log. A compacted log has gaps.
  virtual aio::Task<base::Result<base::Bytes>> read(kafka::Offset from, std::size_t bytes_max) = 0;
};

}  // namespace penstock::coordinator
