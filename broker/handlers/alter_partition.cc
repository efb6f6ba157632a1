// AlterPartition: a leader asks for another ISR.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"

namespace penstock::handlers {

namespace {

using kafka::AlterPartitionRequest;
using kafka::AlterPartitionResponse;

aio::Task<AlterPartitionResponse> handle(RequestContext& context, AlterPartitionRequest request) {
  if (auto refused = refuse_unless_cluster_action<AlterPartitionResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->alter_partition(context.reactor, std::move(request));
}

}  // namespace

extern const Handler alter_partition_handler =
    on_controller_listener(make_handler<AlterPartitionRequest, AlterPartitionResponse, handle>());

}  // namespace penstock::handlers
