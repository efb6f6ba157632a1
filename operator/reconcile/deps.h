// What the reconcilers stand on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/reconcile/broker_admin.h"
#include "operator/reconcile/broker_processes.h"
#include "operator/reconcile/store.h"
#include "operator/reconcile/topic_admin.h"
#include "operator/resources/conditions.h"
#include "operator/resources/desired.h"

namespace penstock::reconcile {

struct Deps {
  kube::KubeClient& kube;
  Store& store;
  TopicAdmins& admins;
  BrokerAdmin& brokers;
  BrokerProcesses& processes;
  base::Random& random;  // For ids that are made once.
  resources::BuildOptions options;
};

using resources::Json;

// Applies `desired` unless the stored object has all of it already; takes the answer into the store.
// ERRORS: kConflict when the name is taken by an object of somebody else, or by one that is on its way out.
aio::Task<base::Result<>> apply_if_needed(Deps& deps, kube::Kind kind, Json desired);

// Writes `status` unless it is what the object has. The object is of one of our kinds.
aio::Task<base::Result<>> write_status(Deps& deps, kube::Kind kind, const Json& object, Json status);

// Whether our view of the object is no ghost: the server still has this very object, and deletes it or not as
// we think. Asked before what cannot be taken back.
aio::Task<base::Result<bool>> is_still_there(Deps& deps, kube::Kind kind, const Json& object);

// Whose an object is that has the name of `desired`: success when it is ours to change.
base::Result<> check_owner(kube::Kind kind, const Json& desired, const Json& live);

// An event about an object. There is one for each type, reason and generation: what is said again counts it
// up, at most once in kEventQuietMs. What goes wrong is logged and dropped: events are no state.
aio::Task<> emit_event(Deps& deps, const Json& object, std::string type, std::string reason,
                       std::string message, std::int64_t wall_ms);

inline constexpr std::int64_t kEventQuietMs = 60'000;

// The broker pods of a cluster, by name. Others may carry our labels, such as copies made for debugging.
std::vector<const Json*> broker_pods(const Deps& deps, const std::string& ns,
                                     const std::string& cluster_name);

// "10.0.0.1:9092,10.0.0.2:9092": the client listeners of the pods that are ready; empty when none is.
std::string ready_endpoints(const Deps& deps, const std::string& ns, const std::string& cluster_name);

bool is_pod_ready(const Json& pod);

// The number at the end of a broker pod's name.
std::int32_t ordinal_of(const Json& pod);

// No answer, as against a refusal.
bool is_silence(const base::Error& error);

// The reason that a condition gets for an error that stopped a pass.
std::string reason_of(const base::Error& error);

}  // namespace penstock::reconcile
