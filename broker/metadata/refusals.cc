#include "broker/metadata/refusals.h"

#include <string>

namespace penstock::metadata {

kafka::CreateTopicsResponse refuse_all(const kafka::CreateTopicsRequest& request, kafka::ErrorCode code) {
  kafka::CreateTopicsResponse response;
  for (const auto& topic : request.topics) {
    kafka::CreateTopicsResponse::CreatableTopicResult result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
    result.configs.reset();
    response.topics.push_back(std::move(result));
  }
  return response;
}

kafka::DeleteTopicsResponse refuse_all(const kafka::DeleteTopicsRequest& request, kafka::ErrorCode code) {
  kafka::DeleteTopicsResponse response;
  const auto add = [&](const std::optional<std::string>& name, const base::Uuid& id) {
    kafka::DeleteTopicsResponse::DeletableTopicResult result;
    result.name = name;
    result.topic_id = id;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
    response.responses.push_back(std::move(result));
  };
  for (const auto& topic : request.topics) add(topic.name, topic.topic_id);
  for (const auto& name : request.topic_names) add(name, {});
  return response;
}

kafka::CreatePartitionsResponse refuse_all(const kafka::CreatePartitionsRequest& request,
                                           kafka::ErrorCode code) {
  kafka::CreatePartitionsResponse response;
  for (const auto& topic : request.topics) {
    kafka::CreatePartitionsResponse::CreatePartitionsTopicResult result;
    result.name = topic.name;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
    response.results.push_back(std::move(result));
  }
  return response;
}

namespace {

template <typename Response, typename Request>
Response refuse_resources(const Request& request, kafka::ErrorCode code) {
  Response response;
  for (const auto& resource : request.resources) {
    auto& result = response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
  }
  return response;
}

}  // namespace

kafka::IncrementalAlterConfigsResponse refuse_all(const kafka::IncrementalAlterConfigsRequest& request,
                                                  kafka::ErrorCode code) {
  return refuse_resources<kafka::IncrementalAlterConfigsResponse>(request, code);
}

kafka::AlterConfigsResponse refuse_all(const kafka::AlterConfigsRequest& request, kafka::ErrorCode code) {
  return refuse_resources<kafka::AlterConfigsResponse>(request, code);
}

}  // namespace penstock::metadata
