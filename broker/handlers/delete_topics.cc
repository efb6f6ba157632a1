// DeleteTopics: by name or, from version 6, by id. What may not be described is reported as unknown.
#include <optional>

#include "broker/handlers/access.h"
#include "broker/handlers/ask_controller.h"
#include "broker/handlers/config.h"
#include "broker/metadata/image_source.h"
#include "kafka/error_codes.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"

namespace penstock::handlers {

namespace {

using kafka::DeleteTopicsRequest;
using kafka::DeleteTopicsResponse;
using kafka::ErrorCode;
using security::Operation;

using Result = DeleteTopicsResponse::DeletableTopicResult;

Result refused(std::optional<std::string> name, base::Uuid id, ErrorCode error) {
  Result result;
  result.name = std::move(name);
  result.topic_id = id;
  result.error_code = kafka::to_wire(error);
  result.error_message = std::string(kafka::error_message(error));
  return result;
}

// None when the topic may go to the controller.
ErrorCode check(const RequestContext& context, const metadata::MetadataImage& image,
                const DeleteTopicsRequest::DeleteTopicState& state) {
  if (!context.services.handler_config->delete_topics()) return ErrorCode::kTopicDeletionDisabled;
  if (state.name && !state.topic_id.is_zero()) return ErrorCode::kInvalidRequest;
  std::string name = state.name.value_or("");
  if (!state.name) {
    const auto topic = image.topic(state.topic_id);
    if (topic == nullptr) return ErrorCode::kUnknownTopicId;
    name = topic->name;
  }
  if (may_on_topic(context, Operation::kDelete, name)) return ErrorCode::kNone;
  return ErrorCode::kTopicAuthorizationFailed;
}

aio::Task<DeleteTopicsResponse> handle(RequestContext& context, DeleteTopicsRequest request) {
  // One shape for all versions: names become states.
  for (std::string& name : request.topic_names) {
    DeleteTopicsRequest::DeleteTopicState state;
    state.name = std::move(name);
    request.topics.push_back(std::move(state));
  }
  request.topic_names.clear();
  const auto refuse = [&context, image = context.services.images->current()](
                          const DeleteTopicsRequest::DeleteTopicState& state) -> std::optional<Result> {
    const ErrorCode error = check(context, *image, state);
    if (error == ErrorCode::kNone) return std::nullopt;
    return refused(state.name, state.topic_id, error);
  };
  return ask_controller<&metadata::ControllerApi::delete_topics, &DeleteTopicsRequest::topics,
                        &DeleteTopicsResponse::responses>(context, std::move(request), refuse);
}

}  // namespace

extern const Handler delete_topics_handler =
    on_both_listeners(make_handler<DeleteTopicsRequest, DeleteTopicsResponse, handle>());

}  // namespace penstock::handlers
