// AlterPartition: a leader asks for another ISR.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"

namespace penstock::handlers {

using kafka::AlterPartitionRequest;
using kafka::AlterPartitionResponse;

extern const Handler alter_partition_handler = on_controller_listener(
    make_handler<
        AlterPartitionRequest, AlterPartitionResponse,
        ask_controller<AlterPartitionRequest, AlterPartitionResponse, security::Operation::kClusterAction,
                       &metadata::ControllerApi::alter_partition>>());

}  // namespace penstock::handlers
