// AllocateProducerIds: a broker takes a block of producer ids.
#include "broker/handlers/controller_call.h"
#include "kafka/messages/allocate_producer_ids_request.h"
#include "kafka/messages/allocate_producer_ids_response.h"

namespace penstock::handlers {

using kafka::AllocateProducerIdsRequest;
using kafka::AllocateProducerIdsResponse;

extern const Handler allocate_producer_ids_handler = on_controller_listener(
    make_handler<AllocateProducerIdsRequest, AllocateProducerIdsResponse,
                 ask_controller<AllocateProducerIdsRequest, AllocateProducerIdsResponse,
                                security::Operation::kClusterAction,
                                &metadata::ControllerApi::allocate_producer_ids>>());

}  // namespace penstock::handlers
