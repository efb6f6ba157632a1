// EndQuorumEpoch: the leader of the metadata quorum gives up.
#include "broker/handlers/access.h"
#include "broker/handlers/quorum_answer.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/end_quorum_epoch_request.h"
#include "kafka/messages/end_quorum_epoch_response.h"

namespace penstock::handlers {

namespace {

using kafka::EndQuorumEpochRequest;
using kafka::EndQuorumEpochResponse;

aio::Task<EndQuorumEpochResponse> handle(RequestContext& context, EndQuorumEpochRequest request) {
  if (auto refused = refuse_unless_cluster_action<EndQuorumEpochResponse>(context))
    co_return std::move(*refused);
  co_return for_version(context,
                        co_await context.services.quorum->end_epoch(context.reactor, std::move(request)));
}

}  // namespace

extern const Handler end_quorum_epoch_handler =
    on_controller_listener(make_handler<EndQuorumEpochRequest, EndQuorumEpochResponse, handle>());

}  // namespace penstock::handlers
