// Vote: a replica stands for leader of the metadata quorum, or asks whether it should.
#include "broker/handlers/quorum_call.h"
#include "kafka/messages/vote_request.h"
#include "kafka/messages/vote_response.h"

namespace penstock::handlers {

using kafka::VoteRequest;
using kafka::VoteResponse;

extern const Handler vote_handler =
    on_controller_listener(make_handler<VoteRequest, VoteResponse,
                                        ask_quorum<VoteRequest, VoteResponse, &raft::QuorumService::vote>>());

}  // namespace penstock::handlers
