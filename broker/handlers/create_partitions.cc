// CreatePartitions: grows topics; asked of the controller.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"

namespace penstock::handlers {

namespace {

using kafka::CreatePartitionsRequest;
using kafka::CreatePartitionsResponse;
using kafka::ErrorCode;
using security::Operation;

aio::Task<CreatePartitionsResponse> handle(RequestContext& context, CreatePartitionsRequest request) {
  CreatePartitionsResponse refused;
  std::erase_if(request.topics, [&](const CreatePartitionsRequest::CreatePartitionsTopic& topic) {
    if (may_on_topic(context, Operation::kAlter, topic.name)) return false;
    CreatePartitionsResponse::CreatePartitionsTopicResult result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(ErrorCode::kTopicAuthorizationFailed);
    result.error_message = "The topic authorization is failed.";
    refused.results.push_back(std::move(result));
    return true;
  });
  if (request.topics.empty()) co_return refused;
  CreatePartitionsResponse response =
      co_await context.services.controller->create_partitions(context.reactor, std::move(request));
  for (auto& result : refused.results) response.results.push_back(std::move(result));
  co_return response;
}

}  // namespace

extern const Handler create_partitions_handler =
    make_handler<CreatePartitionsRequest, CreatePartitionsResponse, handle>();

}  // namespace penstock::handlers
