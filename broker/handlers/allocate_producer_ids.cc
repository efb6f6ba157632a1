// AllocateProducerIds: a broker takes a block of producer ids.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/allocate_producer_ids_request.h"
#include "kafka/messages/allocate_producer_ids_response.h"

namespace penstock::handlers {

namespace {

using kafka::AllocateProducerIdsRequest;
using kafka::AllocateProducerIdsResponse;

aio::Task<AllocateProducerIdsResponse> handle(RequestContext& context, AllocateProducerIdsRequest request) {
  if (auto refused = refuse_unless_cluster_action<AllocateProducerIdsResponse>(context))
    co_return std::move(*refused);
  co_return co_await context.services.controller->allocate_producer_ids(context.reactor, std::move(request));
}

}  // namespace

extern const Handler allocate_producer_ids_handler =
    on_controller_listener(make_handler<AllocateProducerIdsRequest, AllocateProducerIdsResponse, handle>());

}  // namespace penstock::handlers
