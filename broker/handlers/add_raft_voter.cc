// AddRaftVoter: a replica of the metadata log gets a vote; asked of the leader of the quorum.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/add_raft_voter_request.h"
#include "kafka/messages/add_raft_voter_response.h"

namespace penstock::handlers {

using kafka::AddRaftVoterRequest;
using kafka::AddRaftVoterResponse;

extern const Handler add_raft_voter_handler = on_both_listeners(
    make_handler<AddRaftVoterRequest, AddRaftVoterResponse,
                 ask_controller<AddRaftVoterRequest, AddRaftVoterResponse, security::Operation::kAlter,
                                &metadata::ControllerApi::add_raft_voter>>());

}  // namespace penstock::handlers
