// ListPartitionReassignments: what is being moved; asked of the controller.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/error_codes.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::ListPartitionReassignmentsRequest;
using kafka::ListPartitionReassignmentsResponse;
using security::Operation;

aio::Task<ListPartitionReassignmentsResponse> handle(RequestContext& context,
                                                     ListPartitionReassignmentsRequest request) {
  if (!may_on_cluster(context, Operation::kDescribe)) {
    ListPartitionReassignmentsResponse refused;
    refused.error_code = kafka::to_wire(ErrorCode::kClusterAuthorizationFailed);
    refused.error_message = std::string(kafka::error_message(ErrorCode::kClusterAuthorizationFailed));
    co_return refused;
  }
  co_return co_await context.services.controller->list_partition_reassignments(context.reactor,
                                                                               std::move(request));
}

}  // namespace

extern const Handler list_partition_reassignments_handler =
    make_handler<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, handle>();

}  // namespace penstock::handlers
