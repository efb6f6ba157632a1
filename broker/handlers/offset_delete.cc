// OffsetDelete: committed offsets of topics that the group does not subscribe to (KIP-496).
#include "broker/handlers/group_access.h"
#include "broker/metadata/image.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/offset_delete_request.h"
#include "kafka/messages/offset_delete_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::OffsetDeleteRequest;
using kafka::OffsetDeleteResponse;

ErrorCode check_topic(const RequestContext& context, const metadata::MetadataImage& image,
                      const std::string& name) {
  if (!may_on_topic(context, security::Operation::kRead, name)) return ErrorCode::kTopicAuthorizationFailed;
  return image.topic(name) == nullptr ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kNone;
}

aio::Task<OffsetDeleteResponse> handle(RequestContext& context, OffsetDeleteRequest request) {
  OffsetDeleteResponse refusals;
  if (const ErrorCode error = check_group(context, security::Operation::kDelete, request.group_id);
      error != ErrorCode::kNone) {
    refusals.error_code = kafka::to_wire(error);
    co_return refusals;
  }
  const metadata::ImagePtr image = context.services.images->current();
  std::erase_if(request.topics, [&](const OffsetDeleteRequest::OffsetDeleteRequestTopic& topic) {
    const ErrorCode error = check_topic(context, *image, topic.name);
    if (error == ErrorCode::kNone) return false;
    auto& answered = refusals.topics.emplace_back();
    answered.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& result = answered.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.error_code = kafka::to_wire(error);
    }
    return true;
  });
  auto response = co_await context.services.groups->offset_delete(context.reactor, group_caller(context),
                                                                  std::move(request));
  if (response.error_code == 0)
    for (auto& topic : refusals.topics) response.topics.push_back(std::move(topic));
  co_return response;
}

}  // namespace

extern const Handler offset_delete_handler =
    make_handler<OffsetDeleteRequest, OffsetDeleteResponse, handle>();

}  // namespace penstock::handlers
