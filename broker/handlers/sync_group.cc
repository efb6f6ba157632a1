// SyncGroup: the leader hands in the assignment, each member takes its own.
#include "broker/handlers/group_access.h"
#include "kafka/messages/sync_group_request.h"
#include "kafka/messages/sync_group_response.h"

namespace penstock::handlers {

using kafka::SyncGroupRequest;
using kafka::SyncGroupResponse;

extern const Handler sync_group_handler = make_handler<
    SyncGroupRequest, SyncGroupResponse,
    ask_group<SyncGroupRequest, SyncGroupResponse, &coordinator::GroupCoordinators::sync_group>>();

}  // namespace penstock::handlers
