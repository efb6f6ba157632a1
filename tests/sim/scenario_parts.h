// What the scenarios share.
//
// Threads: one.
#pragma once

#include "tests/sim/cluster.h"
#include "tests/sim/scenarios.h"

namespace penstock::sim {

inline constexpr int kRounds = 6;

// A disk that is quick in most seeds, slow in some.
aio::SimScheduler::Options speed_of(std::uint64_t seed);
Outcome outcome_of(Cluster& cluster, int faults);

// Those that have a file of their own.
Outcome run_isr(std::uint64_t seed);
Outcome run_deaths(std::uint64_t seed);
Outcome run_membership(std::uint64_t seed);

}  // namespace penstock::sim
