// What the disk of a member of the quorum keeps for sure, should its power go now: what it may promise to
// others.
//
// Threads: one.
// Source: Raft, figure 2: currentTerm, votedFor and log[] are updated on stable storage before answering.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/raft/types.h"
#include "tests/support/sim_disk.h"

namespace penstock::sim {

struct KeptQuorum {
  raft::ElectionState election{};
  std::int64_t snapshot_end = 0;
  std::int64_t log_end = 0;
  std::map<std::int64_t, int> epochs{};  // Of batches, by first offset.

  // Whether it has all below `end`, where the last record is one of `epoch`.
  bool has(std::int64_t end, int epoch) const;
  // Whether it cannot vote for another than `leader` in `epoch` any more.
  bool has_voted(int leader, int epoch) const;
};

// `directory` is that of the metadata partition.
KeptQuorum kept_quorum(const testing::SimDisk& disk, const std::string& directory);

}  // namespace penstock::sim
