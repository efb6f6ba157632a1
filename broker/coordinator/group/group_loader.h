// Reads a shard's state from its log.
//
// Threads: the shard's reactor.
#pragma once

#include <cstdint>

#include "base/aio/task.h"
#include "base/error.h"
#include "broker/coordinator/group/coordinator_log.h"

namespace penstock::coordinator {

class GroupShard;

// Replays every record of `log`; both outlive the task. Stops early, without an error, once `is_stopped`.
// ERRORS: those of the log; kCorrupt and kUnsupported naming the offset.
aio::Task<base::Result<>> load_shard(CoordinatorLog& log, GroupShard& shard, std::size_t buffer_bytes,
                                     std::int64_t wall_ms, const bool& is_stopped);

}  // namespace penstock::coordinator
