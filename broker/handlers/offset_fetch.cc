// OffsetFetch: one group before version 8, many since; topics by id from version 10.
#include "broker/handlers/group_access.h"
#include "broker/metadata/image.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/offset_fetch_request.h"
#include "kafka/messages/offset_fetch_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::OffsetFetchRequest;
using kafka::OffsetFetchResponse;
using Group = OffsetFetchRequest::OffsetFetchRequestGroup;
using GroupAnswer = OffsetFetchResponse::OffsetFetchResponseGroup;
using Topic = OffsetFetchRequest::OffsetFetchRequestTopics;

constexpr std::int16_t kFirstVersionWithGroupError = 2;
constexpr std::int16_t kFirstVersionWithGroups = 8;
constexpr std::int16_t kFirstVersionWithTopicIds = 10;

void refuse(const Topic& topic, ErrorCode error, GroupAnswer& answer) {
  auto& answered = answer.topics.emplace_back();
  answered.name = topic.name;
  answered.topic_id = topic.topic_id;
  for (const std::int32_t partition : topic.partition_indexes) {
    auto& result = answered.partitions.emplace_back();
    result.partition_index = partition;
    result.committed_offset = -1;
    result.metadata = "";
    result.error_code = kafka::to_wire(error);
  }
}

// Takes out the topics that may not be asked about.
GroupAnswer resolve_topics(const RequestContext& context, const metadata::MetadataImage& image,
                           Group& group) {
  GroupAnswer refusals;
  if (!group.topics) return refusals;
  const bool has_ids = context.api_version >= kFirstVersionWithTopicIds;
  std::erase_if(*group.topics, [&](Topic& topic) {
    ErrorCode error = ErrorCode::kNone;
    if (has_ids) {
      const auto known = image.topic(topic.topic_id);
      if (known == nullptr) error = ErrorCode::kUnknownTopicId;
      if (known != nullptr) topic.name = known->name;
    }
    if (error == ErrorCode::kNone && !may_on_topic(context, security::Operation::kDescribe, topic.name))
      error = ErrorCode::kTopicAuthorizationFailed;
    if (error == ErrorCode::kNone) return false;
    refuse(topic, error, refusals);
    return true;
  });
  return refusals;
}

// When all offsets were asked for: leaves out topics that may not be seen or, by id, do not exist.
void filter_topics(const RequestContext& context, const metadata::MetadataImage& image, GroupAnswer& answer) {
  const bool has_ids = context.api_version >= kFirstVersionWithTopicIds;
  std::erase_if(answer.topics, [&](auto& topic) {
    if (!may_on_topic(context, security::Operation::kDescribe, topic.name)) return true;
    if (!has_ids) return false;
    const auto known = image.topic(topic.name);
    if (known == nullptr) return true;
    topic.topic_id = known->id;
    return false;
  });
}

aio::Task<GroupAnswer> fetch_group(RequestContext& context, Group group, bool require_stable) {
  const metadata::ImagePtr image = context.services.images->current();
  GroupAnswer answer;
  answer.group_id = group.group_id;
  if (const ErrorCode error = check_group(context, security::Operation::kDescribe, group.group_id);
      error != ErrorCode::kNone) {
    answer.error_code = kafka::to_wire(error);
    co_return answer;
  }
  GroupAnswer refusals = resolve_topics(context, *image, group);
  const bool wants_all = !group.topics;
  OffsetFetchRequest request;
  request.require_stable = require_stable;
  request.groups.push_back(std::move(group));
  auto response = co_await context.services.groups->offset_fetch(context.reactor, group_caller(context),
                                                                 std::move(request));
  answer = std::move(response.groups.front());
  if (wants_all) filter_topics(context, *image, answer);
  if (answer.error_code == 0)
    for (auto& topic : refusals.topics) answer.topics.push_back(std::move(topic));
  co_return answer;
}

Group group_of_old_request(OffsetFetchRequest& request) {
  Group group;
  group.group_id = std::move(request.group_id);
  group.topics.reset();
  if (!request.topics) return group;
  group.topics.emplace();
  for (auto& topic : *request.topics) {
    auto& asked = group.topics->emplace_back();
    asked.name = std::move(topic.name);
    asked.partition_indexes = std::move(topic.partition_indexes);
  }
  return group;
}

OffsetFetchResponse old_response(GroupAnswer answer) {
  OffsetFetchResponse response;
  response.error_code = answer.error_code;
  for (auto& topic : answer.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = std::move(topic.name);
    for (auto& partition : topic.partitions) {
      auto& result = answered.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      result.committed_offset = partition.committed_offset;
      result.committed_leader_epoch = partition.committed_leader_epoch;
      result.metadata = std::move(partition.metadata);
      result.error_code = partition.error_code;
    }
  }
  return response;
}

aio::Task<OffsetFetchResponse> handle(RequestContext& context, OffsetFetchRequest request) {
  if (context.api_version < kFirstVersionWithGroups) {
    Group group = group_of_old_request(request);
    const std::vector<Topic> asked = group.topics.value_or(std::vector<Topic>{});
    GroupAnswer answer = co_await fetch_group(context, std::move(group), request.require_stable);
    // Version 1 has no place for an error but the partitions.
    if (answer.error_code != 0 && context.api_version < kFirstVersionWithGroupError) {
      answer.topics.clear();
      for (const Topic& topic : asked) refuse(topic, static_cast<ErrorCode>(answer.error_code), answer);
    }
    co_return old_response(std::move(answer));
  }
  OffsetFetchResponse response;
  for (Group& group : request.groups) {
    GroupAnswer answer = co_await fetch_group(context, std::move(group), request.require_stable);
    response.groups.push_back(std::move(answer));
  }
  co_return response;
}

}  // namespace

extern const Handler offset_fetch_handler = make_handler<OffsetFetchRequest, OffsetFetchResponse, handle>();

}  // namespace penstock::handlers
