#include "broker/handlers/auto_create.h"

#include <algorithm>

#include "base/log.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/group_coordinators.h"
#include "broker/handlers/access.h"
#include "broker/handlers/config.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image_source.h"

namespace penstock::handlers {

namespace {

constexpr base::Logger log("handlers");
constexpr std::int32_t kCreateTimeoutMs = 10'000;

using kafka::CreateTopicsRequest;
using kafka::ErrorCode;

bool is_name_allowed(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 249) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

CreateTopicsRequest::CreatableTopic with_defaults(std::string name) {
  CreateTopicsRequest::CreatableTopic topic;
  topic.name = std::move(name);
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  return topic;
}

CreateTopicsRequest::CreatableTopic consumer_offsets(const RequestContext& context,
                                                     std::size_t live_brokers) {
  const Services& services = context.services;
  CreateTopicsRequest::CreatableTopic topic =
      with_defaults(std::string(coordinator::GroupCoordinators::kTopic));
  topic.num_partitions = services.group_config->offsets_topic_num_partitions();
  topic.replication_factor = static_cast<std::int16_t>(std::min<std::size_t>(
      live_brokers, static_cast<std::size_t>(services.handler_config->offsets_topic_replication())));
  topic.configs.push_back({.name = "cleanup.policy", .value = "compact"});
  topic.configs.push_back({.name = "compression.type", .value = "producer"});
  topic.configs.push_back({.name = "segment.bytes",
                           .value = std::to_string(services.handler_config->offsets_topic_segment_bytes())});
  return topic;
}

aio::Task<> create(RequestContext& context, std::vector<CreateTopicsRequest::CreatableTopic> topics) {
  CreateTopicsRequest request;
  request.topics = std::move(topics);
  request.timeout_ms = kCreateTimeoutMs;
  const auto response =
      co_await context.services.controller->create_topics(context.reactor, std::move(request));
  for (const auto& result : response.topics) {
    const auto error = static_cast<ErrorCode>(result.error_code);
    if (error == ErrorCode::kNone) {
      log.info("created topic {} because a client asked for it", result.name);
    } else if (error != ErrorCode::kTopicAlreadyExists) {
      log.warn("cannot create topic {} that a client asked for: {} {}", result.name, kafka::error_name(error),
               result.error_message.value_or(""));
    }
  }
}

}  // namespace

aio::Task<std::vector<std::pair<std::string, ErrorCode>>> answer_missing_topics(
    RequestContext& context, std::vector<std::string> names, bool may_create) {
  std::vector<std::pair<std::string, ErrorCode>> answers;
  std::vector<CreateTopicsRequest::CreatableTopic> wanted;
  const bool may_create_any = may_on_cluster(context, security::Operation::kCreate);
  const std::size_t live_brokers = context.services.images->current()->brokers().size();
  for (std::string& name : names) {
    ErrorCode error = ErrorCode::kUnknownTopicOrPartition;
    if (!is_name_allowed(name)) {
      error = ErrorCode::kInvalidTopicException;
    } else if (may_create && !may_create_any && !may_on_topic(context, security::Operation::kCreate, name)) {
      error = ErrorCode::kTopicAuthorizationFailed;
    } else if (may_create) {
      const bool is_offsets = name == coordinator::GroupCoordinators::kTopic;
      wanted.push_back(is_offsets ? consumer_offsets(context, live_brokers) : with_defaults(name));
    }
    answers.emplace_back(std::move(name), error);
  }
  if (!wanted.empty()) co_await create(context, std::move(wanted));
  co_return answers;
}

aio::Task<ErrorCode> ensure_internal_topic(RequestContext& context, std::string name) {
  const metadata::ImagePtr image = context.services.images->current();
  if (image->topic(name) != nullptr) co_return ErrorCode::kNone;
  std::vector<CreateTopicsRequest::CreatableTopic> wanted;
  wanted.push_back(consumer_offsets(context, image->brokers().size()));
  co_await create(context, std::move(wanted));
  co_return context.services.images->current()->topic(name) != nullptr ? ErrorCode::kNone
                                                                       : ErrorCode::kCoordinatorNotAvailable;
}

}  // namespace penstock::handlers
