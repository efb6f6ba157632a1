#include "tests/sim/scenario_parts.h"

namespace penstock::sim {

aio::SimScheduler::Options speed_of(std::uint64_t seed) {
  aio::SimScheduler::Options speed;
  if (seed % 4 == 0) speed.blocking_max = base::milliseconds(200);
  return speed;
}

Outcome outcome_of(Cluster& cluster, int faults) {
  Outcome outcome{
      .violations = cluster.history.violations(),
      .records_acked = cluster.history.acked_count(),
      .faults = faults,
      .epochs = cluster.raft_checks.epochs(),
      .simulated_ms =
          std::chrono::duration_cast<base::milliseconds>(cluster.scheduler.now().time_since_epoch()).count(),
      .digest = cluster.random().next()};
  const auto note = [&outcome](const char* what, int count) {
    if (count > 0) outcome.seen[what] = static_cast<std::uint64_t>(count);
  };
  note("metadata logs cleaned", cluster.snapshots.cleaned());
  note("metadata snapshots fetched", cluster.snapshots.fetched());
  note("brokers fenced at once", cluster.fence_checks.fast_fences());
  note("brokers fenced at once that lived", cluster.fence_checks.wrong_fences());
  note("connections lost with a late message", static_cast<int>(cluster.network.late_count()));
  return outcome;
}

}  // namespace penstock::sim
