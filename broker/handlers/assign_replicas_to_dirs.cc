// AssignReplicasToDirs: a broker says in which of its directories a replica is (KIP-858).
#include "broker/handlers/controller_call.h"
#include "kafka/messages/assign_replicas_to_dirs_request.h"
#include "kafka/messages/assign_replicas_to_dirs_response.h"

namespace penstock::handlers {

using kafka::AssignReplicasToDirsRequest;
using kafka::AssignReplicasToDirsResponse;

extern const Handler assign_replicas_to_dirs_handler = on_controller_listener(
    make_handler<AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
                 ask_controller<AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
                                security::Operation::kClusterAction,
                                &metadata::ControllerApi::assign_replicas_to_dirs>>());

}  // namespace penstock::handlers
