// The reconcilers: ordered steps over what has been seen, then the status.
//
// Level-triggered: a pass looks only at the present, so that it does not matter which changes were missed,
// and a second pass over what is right writes nothing. No clock, thread or socket inside. Threads: one
// reactor. Two passes over one resource never overlap (the work queue sees to it).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "operator/reconcile/cluster_context.h"
#include "operator/reconcile/topic_context.h"

namespace penstock::reconcile {

template <typename Context>
struct StepRow {
  std::string_view name;
  StepResult (*run)(Context&);
};

std::span<const StepRow<ClusterContext>> cluster_pipeline();
std::span<const StepRow<TopicContext>> topic_pipeline();

// One pass. Success when there is no such resource (any more).
// ERRORS: what stopped it; status names it too, unless that could not be written either.
aio::Task<base::Result<PassOutcome>> reconcile_cluster(Deps& deps, std::string ns, std::string name,
                                                       std::int64_t wall_ms);
aio::Task<base::Result<PassOutcome>> reconcile_topic(Deps& deps, std::string ns, std::string name,
                                                     std::int64_t wall_ms);

}  // namespace penstock::reconcile
