// ListPartitionReassignments: what is being moved; asked of the controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"

namespace penstock::handlers {

extern const Handler list_partition_reassignments_handler = on_both_listeners(
    make_handler<kafka::ListPartitionReassignmentsRequest, kafka::ListPartitionReassignmentsResponse,
                 ask_controller<kafka::ListPartitionReassignmentsRequest,
                                kafka::ListPartitionReassignmentsResponse, security::Operation::kDescribe,
                                &metadata::ControllerApi::list_partition_reassignments>>());

}  // namespace penstock::handlers
