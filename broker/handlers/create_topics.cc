// CreateTopics: asked of the controller, with the topics that the principal may not create taken out first.
#include <optional>

#include "broker/handlers/access.h"
#include "broker/handlers/ask_controller.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"

namespace penstock::handlers {

namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::ErrorCode;
using security::Operation;
using Result = CreateTopicsResponse::CreatableTopicResult;

aio::Task<CreateTopicsResponse> handle(RequestContext& context, CreateTopicsRequest request) {
  const bool may_create_any = may_on_cluster(context, Operation::kCreate);
  const auto refuse =
      [&context, may_create_any](const CreateTopicsRequest::CreatableTopic& topic) -> std::optional<Result> {
    if (may_create_any || may_on_topic(context, Operation::kCreate, topic.name)) return std::nullopt;
    Result result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(ErrorCode::kTopicAuthorizationFailed);
    result.error_message = "Authorization failed.";
    return result;
  };
  return ask_controller<&metadata::ControllerApi::create_topics, &CreateTopicsRequest::topics,
                        &CreateTopicsResponse::topics>(context, std::move(request), refuse);
}

}  // namespace

extern const Handler create_topics_handler =
    on_both_listeners(make_handler<CreateTopicsRequest, CreateTopicsResponse, handle>());

}  // namespace penstock::handlers
