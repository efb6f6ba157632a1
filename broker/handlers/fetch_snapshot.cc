// FetchSnapshot: a piece of a snapshot of the metadata log.
#include "broker/handlers/access.h"
#include "broker/handlers/quorum_answer.h"
#include "broker/raft/quorum_service.h"
#include "kafka/messages/fetch_snapshot_request.h"
#include "kafka/messages/fetch_snapshot_response.h"

namespace penstock::handlers {

namespace {

using kafka::FetchSnapshotRequest;
using kafka::FetchSnapshotResponse;

aio::Task<FetchSnapshotResponse> handle(RequestContext& context, FetchSnapshotRequest request) {
  if (auto refused = refuse_unless_cluster_action<FetchSnapshotResponse>(context)) {
    co_return std::move(*refused);
  }
  co_return for_version(
      context, co_await context.services.quorum->fetch_snapshot(context.reactor, std::move(request)));
}

}  // namespace

extern const Handler fetch_snapshot_handler =
    on_controller_listener(make_handler<FetchSnapshotRequest, FetchSnapshotResponse, handle>());

}  // namespace penstock::handlers
