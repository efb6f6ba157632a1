// What the scenarios share.
//
// Threads: one.
#pragma once

#include "tests/sim/cluster.h"
#include "tests/sim/scenarios.h"

namespace penstock::sim {

Outcome outcome_of(Cluster& cluster, int faults);

// Those that have a file of their own.
Outcome run_isr(std::uint64_t seed);

}  // namespace penstock::sim
