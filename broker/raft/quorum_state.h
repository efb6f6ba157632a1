// The quorum-state file: epoch, leader and vote, which a voter must never forget.
//
// Threads: any; calls block on fsync.
// On disk: one line of JSON, data_version 1 (kraft.version 1); version 0 of older directories is read.
#pragma once

#include <optional>
#include <string>

#include "base/disk.h"
#include "broker/raft/types.h"

namespace penstock::raft {

std::string print_quorum_state(const ElectionState& state);
// ERRORS: kCorrupt, kUnsupported (data_version above 1).
base::Result<ElectionState> parse_quorum_state(std::string_view text);

// nullopt when there is no file yet.
base::Result<std::optional<ElectionState>> read_quorum_state(base::Disk& disk, const std::string& directory);
// Durable when it returns.
base::Result<> write_quorum_state(base::Disk& disk, const std::string& directory, const ElectionState& state);

}  // namespace penstock::raft
