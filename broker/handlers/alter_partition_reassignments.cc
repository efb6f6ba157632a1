// AlterPartitionReassignments: moves partitions to other brokers; asked of the controller.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/alter_partition_reassignments_request.h"
#include "kafka/messages/alter_partition_reassignments_response.h"

namespace penstock::handlers {

extern const Handler alter_partition_reassignments_handler = on_both_listeners(
    make_handler<kafka::AlterPartitionReassignmentsRequest, kafka::AlterPartitionReassignmentsResponse,
                 ask_controller<kafka::AlterPartitionReassignmentsRequest,
                                kafka::AlterPartitionReassignmentsResponse, security::Operation::kAlter,
                                &metadata::ControllerApi::alter_partition_reassignments>>());

}  // namespace penstock::handlers
