// The smaller controllers: owners and namespaces that are gone take what they own with them, claims become
// bound directories, old events leave.
//
// Threads: one reactor.
#pragma once

#include "operator/local/objects.h"
#include "operator/local/pod_plan.h"

namespace penstock::local {

inline constexpr std::size_t kEventsMax = 1000;

// Deletes objects all of whose owners are gone, and objects whose namespace is.
void collect_garbage(Objects& objects);

// Claims get a directory and become Bound; a deleted one keeps its directory while a pod uses it.
void reconcile_claims(Objects& objects, const HostPaths& paths);

// Keeps the newest kEventsMax events.
void trim_events(Objects& objects);

}  // namespace penstock::local
