// InitProducerId: a producer id for an idempotent producer (KIP-98). A transactional one needs a transaction
// coordinator, which is not here.
#include "broker/handlers/access.h"
#include "broker/handlers/producer_ids.h"
#include "kafka/messages/init_producer_id_request.h"
#include "kafka/messages/init_producer_id_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::InitProducerIdRequest;
using kafka::InitProducerIdResponse;
using security::Operation;
using security::ResourceKind;

// Version 6 is not stable in Kafka 4.3 and not advertised.
constexpr std::int16_t kHighestVersion = 5;

InitProducerIdResponse refused(ErrorCode error) {
  InitProducerIdResponse response;
  response.error_code = kafka::to_wire(error);
  response.producer_epoch = -1;
  return response;
}

// Why a transactional producer gets no id.
ErrorCode check_transactional(const RequestContext& context, const std::string& transactional_id) {
  if (!may(context, Operation::kWrite, ResourceKind::kTransactionalId, transactional_id)) {
    return ErrorCode::kTransactionalIdAuthorizationFailed;
  }
  return transactional_id.empty() ? ErrorCode::kInvalidRequest : ErrorCode::kCoordinatorNotAvailable;
}

aio::Task<InitProducerIdResponse> handle(RequestContext& context, InitProducerIdRequest request) {
  if (request.transactional_id) co_return refused(check_transactional(context, *request.transactional_id));
  if (!may_on_cluster(context, Operation::kIdempotentWrite))
    co_return refused(ErrorCode::kClusterAuthorizationFailed);
  // Both or neither: an id without its epoch says nothing.
  if ((request.producer_id == -1) != (request.producer_epoch == -1)) {
    co_return refused(ErrorCode::kInvalidRequest);
  }
  const ProducerIds::Answer answer = co_await context.services.producer_ids->next(context.reactor);
  if (answer.error != ErrorCode::kNone) co_return refused(answer.error);
  InitProducerIdResponse response;
  response.producer_id = answer.producer_id;
  response.producer_epoch = 0;
  co_return response;
}

}  // namespace

extern const Handler init_producer_id_handler =
    make_handler<InitProducerIdRequest, InitProducerIdResponse, handle>(InitProducerIdRequest::kLowestVersion,
                                                                        kHighestVersion);

}  // namespace penstock::handlers
