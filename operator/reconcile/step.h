// A reconcile step: one thing that is looked at and, where it differs, put right.
//
// The order of the steps is a decision, so it is written down once, in pipeline.cc. A step may be the last
// thing that ran before the operator was killed: whatever it wrote, the next pass starts from what it then
// sees.
#pragma once

#include "base/aio/task.h"
#include "base/clock.h"
#include "base/error.h"

namespace penstock::reconcile {

struct StepOutcome {
  enum class Next { kNext, kStop, kRequeueAfter };
  Next next = Next::kNext;
  base::Duration delay{};

  static StepOutcome go_on() { return {}; }
  // The rest of the pipeline makes no sense now; what would change that is watched.
  static StepOutcome stop() { return {Next::kStop, {}}; }
  // The same, but nothing watched will tell.
  static StepOutcome requeue_after(base::Duration delay) { return {Next::kRequeueAfter, delay}; }
};

using StepResult = aio::Task<base::Result<StepOutcome>>;

// How a pass over one resource ended. Errors are retried with back-off.
struct PassOutcome {
  base::Duration requeue_after{};  // Zero: only when something changes.
};

}  // namespace penstock::reconcile
