// CreatePartitions: grows topics; asked of the controller.
#include <optional>

#include "broker/handlers/access.h"
#include "broker/handlers/ask_controller.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"

namespace penstock::handlers {

namespace {

using kafka::CreatePartitionsRequest;
using kafka::CreatePartitionsResponse;
using kafka::ErrorCode;
using security::Operation;
using Result = CreatePartitionsResponse::CreatePartitionsTopicResult;

aio::Task<CreatePartitionsResponse> handle(RequestContext& context, CreatePartitionsRequest request) {
  const auto refuse =
      [&context](const CreatePartitionsRequest::CreatePartitionsTopic& topic) -> std::optional<Result> {
    if (may_on_topic(context, Operation::kAlter, topic.name)) return std::nullopt;
    Result result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(ErrorCode::kTopicAuthorizationFailed);
    result.error_message = "The topic authorization is failed.";
    return result;
  };
  return ask_controller<&metadata::ControllerApi::create_partitions, &CreatePartitionsRequest::topics,
                        &CreatePartitionsResponse::results>(context, std::move(request), refuse);
}

}  // namespace

extern const Handler create_partitions_handler =
    on_both_listeners(make_handler<CreatePartitionsRequest, CreatePartitionsResponse, handle>());

}  // namespace penstock::handlers
