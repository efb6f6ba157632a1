// RemoveRaftVoter: a replica of the metadata log loses its vote; asked of the leader of the quorum.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"

namespace penstock::handlers {

using kafka::RemoveRaftVoterRequest;
using kafka::RemoveRaftVoterResponse;

extern const Handler remove_raft_voter_handler = on_both_listeners(
    make_handler<RemoveRaftVoterRequest, RemoveRaftVoterResponse,
                 ask_controller<RemoveRaftVoterRequest, RemoveRaftVoterResponse, security::Operation::kAlter,
                                &metadata::ControllerApi::remove_raft_voter>>());

}  // namespace penstock::handlers
