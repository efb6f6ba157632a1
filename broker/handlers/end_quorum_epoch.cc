// EndQuorumEpoch: the leader of the metadata quorum gives up.
#include "broker/handlers/quorum_call.h"
#include "kafka/messages/end_quorum_epoch_request.h"
#include "kafka/messages/end_quorum_epoch_response.h"

namespace penstock::handlers {

using kafka::EndQuorumEpochRequest;
using kafka::EndQuorumEpochResponse;

extern const Handler end_quorum_epoch_handler = on_controller_listener(
    make_handler<
        EndQuorumEpochRequest, EndQuorumEpochResponse,
        ask_quorum<EndQuorumEpochRequest, EndQuorumEpochResponse, &raft::QuorumService::end_epoch>>());

}  // namespace penstock::handlers
