// UpdateRaftVoter: a voter of the metadata quorum says where it listens now.
#include "broker/handlers/access.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/update_raft_voter_request.h"
#include "kafka/messages/update_raft_voter_response.h"

namespace penstock::handlers {

namespace {

using kafka::UpdateRaftVoterRequest;
using kafka::UpdateRaftVoterResponse;

aio::Task<UpdateRaftVoterResponse> handle(RequestContext& context, UpdateRaftVoterRequest request) {
  if (auto refused = refuse_unless_cluster_action<UpdateRaftVoterResponse>(context)) {
    co_return std::move(*refused);
  }
  co_return co_await context.services.quorum->update_voter(context.reactor, std::move(request));
}

}  // namespace

extern const Handler update_raft_voter_handler =
    on_controller_listener(make_handler<UpdateRaftVoterRequest, UpdateRaftVoterResponse, handle>());

}  // namespace penstock::handlers
