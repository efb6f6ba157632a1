// BeginQuorumEpoch: a new leader of the metadata quorum says so.
#include "broker/handlers/quorum_call.h"
#include "kafka/messages/begin_quorum_epoch_request.h"
#include "kafka/messages/begin_quorum_epoch_response.h"

namespace penstock::handlers {

using kafka::BeginQuorumEpochRequest;
using kafka::BeginQuorumEpochResponse;

extern const Handler begin_quorum_epoch_handler = on_controller_listener(
    make_handler<
        BeginQuorumEpochRequest, BeginQuorumEpochResponse,
        ask_quorum<BeginQuorumEpochRequest, BeginQuorumEpochResponse, &raft::QuorumService::begin_epoch>>());

}  // namespace penstock::handlers
