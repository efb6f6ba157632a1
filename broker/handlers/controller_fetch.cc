// Fetch on a controller listener: followers and observers of the metadata log.
#include "broker/handlers/access.h"
#include "broker/handlers/quorum_answer.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"

namespace penstock::handlers {

namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;

aio::Task<FetchResponse> handle(RequestContext& context, FetchRequest request) {
  if (auto refused = refuse_unless_cluster_action<FetchResponse>(context)) co_return std::move(*refused);
  co_return for_version(context, co_await context.services.quorum->fetch(context.reactor, std::move(request)),
                        16);
}

}  // namespace

extern const Handler controller_fetch_handler =
    on_controller_listener(make_handler<FetchRequest, FetchResponse, handle>());

}  // namespace penstock::handlers
