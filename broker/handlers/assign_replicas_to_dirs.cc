// AssignReplicasToDirs: a broker says in which of its directories a replica is (KIP-858).
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/assign_replicas_to_dirs_request.h"
#include "kafka/messages/assign_replicas_to_dirs_response.h"

namespace penstock::handlers {

namespace {

using kafka::AssignReplicasToDirsRequest;
using kafka::AssignReplicasToDirsResponse;

aio::Task<AssignReplicasToDirsResponse> handle(RequestContext& context, AssignReplicasToDirsRequest request) {
  if (auto refused = refuse_unless_cluster_action<AssignReplicasToDirsResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->assign_replicas_to_dirs(context.reactor,
                                                                          std::move(request));
}

}  // namespace

extern const Handler assign_replicas_to_dirs_handler =
    on_controller_listener(make_handler<AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, handle>());

}  // namespace penstock::handlers
