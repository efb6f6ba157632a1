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

kafka::IncrementalAlterConfigsResponse refuse_all(const kafka::IncrementalAlterConfigsRequest& request,
                                                  kafka::ErrorCode code) {
  kafka::IncrementalAlterConfigsResponse response;
  for (const auto& resource : request.resources) {
    kafka::IncrementalAlterConfigsResponse::AlterConfigsResourceResponse result;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
    response.responses.push_back(std::move(result));
  }
  return response;
}

kafka::AlterConfigsResponse refuse_all(const kafka::AlterConfigsRequest& request, kafka::ErrorCode code) {
  kafka::AlterConfigsResponse response;
  for (const auto& resource : request.resources) {
    kafka::AlterConfigsResponse::AlterConfigsResourceResponse result;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_code = kafka::to_wire(code);
    result.error_message = std::string(kafka::error_message(code));
    response.responses.push_back(std::move(result));
  }
  return response;
}

}  // namespace penstock::metadata
