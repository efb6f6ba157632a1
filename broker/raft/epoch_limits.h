// Which epochs a node takes over from what others tell it.
//
// An epoch that was taken over is on disk and never goes back, and an election needs the one behind it. So
// one message with the last number there is, from anybody, would leave the quorum without any.
//
// Threads: a pure function.
#pragma once

#include <cstdint>

#include "broker/raft/types.h"

namespace penstock::raft {

inline bool is_credible(LeaderEpoch told, LeaderEpoch own) {
  // An election each second takes 34 years to come there; beyond, others are believed when they are near.
  constexpr std::int64_t kFar = std::int64_t{1} << 30;
  constexpr std::int64_t kLeapMax = std::int64_t{1} << 20;
  return told.value() <= kFar || std::int64_t{told.value()} - own.value() <= kLeapMax;
}

}  // namespace penstock::raft
