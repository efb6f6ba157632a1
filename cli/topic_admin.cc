#include "cli/topic_admin.h"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

#include "kafka/error_codes.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::cli {

using aio::Task;
using base::Errc;
using base::Error;
using base::fail;
using base::Result;
using kafka::AdminClient;
using kafka::ErrorCode;

namespace {

constexpr std::int32_t kRequestTimeoutMs = 30000;

// As Kafka's tool reads an expression: commas are alternatives, quotes around it go.
std::string to_expression(std::string text) {
  std::ranges::replace(text, ',', '|');
  std::erase(text, ' ');
  while (text.starts_with('"') || text.starts_with('\'')) text.erase(0, 1);
  while (text.ends_with('"') || text.ends_with('\'')) text.pop_back();
  return text;
}

bool is_code(std::int16_t code, ErrorCode expected) { return code == kafka::to_wire(expected); }

Task<Result<>> create(AdminClient& admin, TopicRequest request) {
  const std::string name = *request.topic;
  if (name.find_first_of("._") != std::string::npos) {
    fmt::print(
        "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could "
        "collide. "
        "To avoid issues it is best to use either, but not both.\n");
  }
  kafka::CreateTopicsRequest message;
  message.timeout_ms = kRequestTimeoutMs;
  auto& topic = message.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = request.assignment.empty() ? request.partitions.value_or(-1) : -1;
  topic.replication_factor =
      request.assignment.empty() ? request.replication_factor.value_or(-1) : std::int16_t{-1};
  for (std::size_t i = 0; i < request.assignment.size(); ++i) {
    topic.assignments.push_back({static_cast<std::int32_t>(i), request.assignment[i]});
  }
  for (const auto& [key, value] : request.configs) topic.configs.push_back({key, value});
  const auto response = co_await admin.create_topics(std::move(message));
  if (!response) co_return fail(response.error());
  for (const auto& result : response->topics) {
    if (is_code(result.error_code, ErrorCode::kTopicAlreadyExists) && request.if_not_exists)
      co_return Result<>{};
    if (result.error_code != 0) co_return fail(item_error(result.error_code, result.error_message));
  }
  fmt::print("Created topic {}.\n", name);
  co_return Result<>{};
}

Task<Result<>> list(AdminClient& admin, TopicRequest request) {
  request.if_exists = true;  // No match is an empty list.
  const auto topics = co_await find_topics(admin, std::move(request));
  if (!topics) co_return fail(topics.error());
  std::string text;
  for (const FoundTopic& topic : *topics) text += fmt::format("{}{}", text.empty() ? "" : "\n", topic.name);
  fmt::print("{}\n", text);
  co_return Result<>{};
}

Task<Result<>> alter(AdminClient& admin, TopicRequest request) {
  const auto topics = co_await find_topics(admin, request);
  if (!topics) co_return fail(topics.error());
  if (topics->empty()) co_return Result<>{};
  kafka::CreatePartitionsRequest message;
  message.timeout_ms = kRequestTimeoutMs;
  for (const FoundTopic& found : *topics) {
    auto& topic = message.topics.emplace_back();
    topic.name = found.name;
    topic.count = *request.partitions;
    topic.assignments.reset();
    if (request.assignment.empty()) continue;
    topic.assignments.emplace();
    for (auto i = static_cast<std::size_t>(found.partition_count); i < request.assignment.size(); ++i) {
      topic.assignments->push_back({request.assignment[i]});
    }
  }
  const auto response = co_await admin.create_partitions(std::move(message));
  if (!response) co_return fail(response.error());
  for (const auto& result : response->results) {
    if (result.error_code != 0) co_return fail(item_error(result.error_code, result.error_message));
  }
  co_return Result<>{};
}

Task<Result<>> remove(AdminClient& admin, TopicRequest request) {
  const auto topics = co_await find_topics(admin, std::move(request));
  if (!topics) co_return fail(topics.error());
  if (topics->empty()) co_return Result<>{};
  kafka::DeleteTopicsRequest message;
  message.timeout_ms = kRequestTimeoutMs;
  for (const FoundTopic& found : *topics) {
    message.topics.emplace_back().name = found.name;
    message.topic_names.push_back(found.name);
  }
  const auto response = co_await admin.delete_topics(std::move(message));
  if (!response) co_return fail(response.error());
  for (const auto& result : response->responses) {
    if (result.error_code != 0) co_return fail(item_error(result.error_code, result.error_message));
  }
  co_return Result<>{};
}

}  // namespace

Error item_error(std::int16_t code, const std::optional<std::string>& message) {
  if (message && !message->empty()) return Error(Errc::kConflict, *message);
  return Error(Errc::kConflict, std::string(kafka::error_message(static_cast<ErrorCode>(code))));
}

Task<Result<std::vector<FoundTopic>>> find_topics(AdminClient& admin, TopicRequest request) {
  const RE2 expression(request.topic ? to_expression(*request.topic) : ".*", RE2::Quiet);
  if (!expression.ok()) {
    co_return fail(Errc::kInvalidArgument, fmt::format("{} is an invalid regex.", *request.topic));
  }
  kafka::MetadataRequest message;
  message.topics.reset();  // Null asks for all.
  const auto response = co_await admin.metadata(std::move(message));
  if (!response) co_return fail(response.error());
  std::vector<FoundTopic> found;
  for (const auto& topic : response->topics) {
    if (!topic.name || (request.exclude_internal && topic.is_internal)) continue;
    const bool is_match =
        request.topic_id ? topic.topic_id == *request.topic_id : RE2::FullMatch(*topic.name, expression);
    if (is_match)
      found.push_back({*topic.name, topic.topic_id, static_cast<std::int32_t>(topic.partitions.size())});
  }
  std::ranges::sort(found, {}, &FoundTopic::name);
  if (found.empty() && !request.if_exists) {
    if (request.topic_id) {
      co_return fail(Errc::kNotFound,
                     fmt::format("TopicId '{}' does not exist as expected", request.topic_id->to_string()));
    }
    if (request.topic && !request.topic->empty()) {
      co_return fail(Errc::kNotFound, fmt::format("Topic '{}' does not exist as expected", *request.topic));
    }
  }
  co_return found;
}

Task<Result<>> execute(AdminClient& admin, TopicRequest request) {
  switch (request.action) {
    case TopicAction::kCreate:
      co_return co_await create(admin, std::move(request));
    case TopicAction::kList:
      co_return co_await list(admin, std::move(request));
    case TopicAction::kDescribe:
      co_return co_await describe_topics(admin, std::move(request));
    case TopicAction::kAlter:
      co_return co_await alter(admin, std::move(request));
    case TopicAction::kDelete:
      co_return co_await remove(admin, std::move(request));
  }
  co_return fail(Errc::kInternal, "no such action");
}

}  // namespace penstock::cli
