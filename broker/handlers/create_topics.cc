// CreateTopics: asked of the controller, with the topics that the principal may not create taken out first.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"

namespace penstock::handlers {

namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::ErrorCode;
using security::Operation;

aio::Task<CreateTopicsResponse> handle(RequestContext& context, CreateTopicsRequest request) {
  const bool may_create_any = may_on_cluster(context, Operation::kCreate);
  CreateTopicsResponse refused;
  std::erase_if(request.topics, [&](const CreateTopicsRequest::CreatableTopic& topic) {
    if (may_create_any || may_on_topic(context, Operation::kCreate, topic.name)) return false;
    CreateTopicsResponse::CreatableTopicResult result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(ErrorCode::kTopicAuthorizationFailed);
    result.error_message = "Authorization failed.";
    refused.topics.push_back(std::move(result));
    return true;
  });
  if (request.topics.empty()) co_return refused;
  CreateTopicsResponse response =
      co_await context.services.controller->create_topics(context.reactor, std::move(request));
  for (auto& result : refused.topics) response.topics.push_back(std::move(result));
  co_return response;
}

}  // namespace

extern const Handler create_topics_handler =
    make_handler<CreateTopicsRequest, CreateTopicsResponse, handle>();

}  // namespace penstock::handlers
