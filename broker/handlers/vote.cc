// Vote: a replica stands for leader of the metadata quorum, or asks whether it should.
#include "broker/handlers/access.h"
#include "broker/handlers/quorum_answer.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/vote_request.h"
#include "kafka/messages/vote_response.h"

namespace penstock::handlers {

namespace {

using kafka::VoteRequest;
using kafka::VoteResponse;

aio::Task<VoteResponse> handle(RequestContext& context, VoteRequest request) {
  if (auto refused = refuse_unless_cluster_action<VoteResponse>(context)) co_return std::move(*refused);
  co_return for_version(context, co_await context.services.quorum->vote(context.reactor, std::move(request)));
}

}  // namespace

extern const Handler vote_handler = on_controller_listener(make_handler<VoteRequest, VoteResponse, handle>());

}  // namespace penstock::handlers
