// What the reconcilers stand on.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/reconcile/store.h"
#include "operator/reconcile/topic_admin.h"
#include "operator/resources/conditions.h"
#include "operator/resources/desired.h"

namespace penstock::reconcile {

struct Deps {
  kube::KubeClient& kube;
  Store& store;
  TopicAdmins& admins;
  base::Random& random;  // For ids that are made once.
  resources::BuildOptions options;
};

using resources::Json;

// Applies `desired` unless the stored object has all of it already; takes the answer into the store.
aio::Task<base::Result<>> apply_if_needed(Deps& deps, kube::Kind kind, Json desired);

// Writes `status` unless it is what the object has. The object is of one of our kinds.
aio::Task<base::Result<>> write_status(Deps& deps, kube::Kind kind, const Json& object, Json status);

// An event about an object. Its name comes from what it says, so that saying it again makes no second one.
// What goes wrong is logged and dropped: events are no state.
aio::Task<> emit_event(Deps& deps, const Json& object, std::string type, std::string reason,
                       std::string message, std::int64_t wall_ms);

// "10.0.0.1:9092,10.0.0.2:9092": the client listeners of the pods that are ready; empty when none is.
std::string ready_endpoints(const Deps& deps, const std::string& ns, const std::string& cluster_name);

bool is_pod_ready(const Json& pod);

// The reason that a condition gets for an error that stopped a pass.
std::string reason_of(const base::Error& error);

}  // namespace penstock::reconcile
