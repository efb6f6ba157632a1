// BeginQuorumEpoch: a new leader of the metadata quorum says so.
#include "broker/handlers/access.h"
#include "broker/handlers/quorum_answer.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/begin_quorum_epoch_request.h"
#include "kafka/messages/begin_quorum_epoch_response.h"

namespace penstock::handlers {

namespace {

using kafka::BeginQuorumEpochRequest;
using kafka::BeginQuorumEpochResponse;

aio::Task<BeginQuorumEpochResponse> handle(RequestContext& context, BeginQuorumEpochRequest request) {
  if (auto refused = refuse_unless_cluster_action<BeginQuorumEpochResponse>(context))
    co_return std::move(*refused);
  co_return for_version(context,
                        co_await context.services.quorum->begin_epoch(context.reactor, std::move(request)));
}

}  // namespace

extern const Handler begin_quorum_epoch_handler =
    on_controller_listener(make_handler<BeginQuorumEpochRequest, BeginQuorumEpochResponse, handle>());

}  // namespace penstock::handlers
