// OffsetCommit: topics are looked up here, by name or, from version 10, by id; the rest is the coordinator's.
#include "broker/handlers/group_access.h"
#include "broker/metadata/image.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/offset_commit_request.h"
#include "kafka/messages/offset_commit_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::OffsetCommitRequest;
using kafka::OffsetCommitResponse;
using Topic = OffsetCommitRequest::OffsetCommitRequestTopic;

constexpr std::int16_t kFirstVersionWithTopicIds = 10;

// Completes name and id of the topic. None when the coordinator may have it.
ErrorCode resolve(const RequestContext& context, const metadata::MetadataImage& image, Topic& topic) {
  const bool has_id = context.api_version >= kFirstVersionWithTopicIds;
  const auto known = has_id ? image.topic(topic.topic_id) : image.topic(topic.name);
  if (has_id && known == nullptr) return ErrorCode::kUnknownTopicId;
  if (has_id) topic.name = known->name;
  if (!may_on_topic(context, security::Operation::kRead, topic.name))
    return ErrorCode::kTopicAuthorizationFailed;
  if (known == nullptr) return ErrorCode::kUnknownTopicOrPartition;
  topic.topic_id = known->id;
  return ErrorCode::kNone;
}

void refuse(const Topic& topic, ErrorCode error, OffsetCommitResponse& response) {
  auto& answered = response.topics.emplace_back();
  answered.name = topic.name;
  answered.topic_id = topic.topic_id;
  for (const auto& partition : topic.partitions) {
    auto& result = answered.partitions.emplace_back();
    result.partition_index = partition.partition_index;
    result.error_code = kafka::to_wire(error);
  }
}

aio::Task<OffsetCommitResponse> handle(RequestContext& context, OffsetCommitRequest request) {
  OffsetCommitResponse refusals;
  const ErrorCode group_error = check_group(context, security::Operation::kRead, request.group_id);
  const metadata::ImagePtr image = context.services.images->current();
  std::erase_if(request.topics, [&](Topic& topic) {
    const ErrorCode error = group_error != ErrorCode::kNone ? group_error : resolve(context, *image, topic);
    if (error == ErrorCode::kNone) return false;
    refuse(topic, error, refusals);
    return true;
  });
  if (request.topics.empty()) co_return refusals;
  auto response = co_await context.services.groups->offset_commit(context.reactor, group_caller(context),
                                                                  std::move(request));
  for (auto& topic : refusals.topics) response.topics.push_back(std::move(topic));
  co_return response;
}

}  // namespace

extern const Handler offset_commit_handler =
    make_handler<OffsetCommitRequest, OffsetCommitResponse, handle>();

}  // namespace penstock::handlers
