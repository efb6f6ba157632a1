// The controllers of the local runtime: what Kubernetes does by itself with the objects that we make.
//
// Each is a pass over the store that makes it more like what is wanted. Passes are repeated until nothing
// changes, and after every change of the store.
//
// Threads: one reactor.
#pragma once

#include "operator/local/objects.h"

namespace penstock::local {

// Pods and PersistentVolumeClaims of StatefulSets, and their status. Understood: Parallel and OrderedReady,
// OnDelete and RollingUpdate, persistentVolumeClaimRetentionPolicy.
void reconcile_stateful_sets(Objects& objects);

// A hash of the pod template: the revision that pods carry as controller-revision-hash.
std::string revision_of(const Json& stateful_set);

}  // namespace penstock::local
