// FetchSnapshot: a piece of a snapshot of the metadata log.
#include "broker/handlers/quorum_call.h"
#include "kafka/messages/fetch_snapshot_request.h"
#include "kafka/messages/fetch_snapshot_response.h"

namespace penstock::handlers {

using kafka::FetchSnapshotRequest;
using kafka::FetchSnapshotResponse;

extern const Handler fetch_snapshot_handler = on_controller_listener(
    make_handler<
        FetchSnapshotRequest, FetchSnapshotResponse,
        ask_quorum<FetchSnapshotRequest, FetchSnapshotResponse, &raft::QuorumService::fetch_snapshot>>());

}  // namespace penstock::handlers
