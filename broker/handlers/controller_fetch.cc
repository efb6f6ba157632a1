// Fetch on a controller listener: followers and observers of the metadata log.
#include "broker/handlers/quorum_call.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"

namespace penstock::handlers {

using kafka::FetchRequest;
using kafka::FetchResponse;

extern const Handler controller_fetch_handler = on_controller_listener(
    make_handler<FetchRequest, FetchResponse,
                 ask_quorum<FetchRequest, FetchResponse, &raft::QuorumService::fetch, 16>>());

}  // namespace penstock::handlers
