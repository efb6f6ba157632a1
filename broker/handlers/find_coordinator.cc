// FindCoordinator: the leader of the partition of __consumer_offsets that holds a group. The topic is made
// when somebody asks for the first time. Transactions and share groups have no coordinator here yet; asking
// for one is an invalid request, which clients report instead of trying for ever.
#include "broker/handlers/auto_create.h"
#include "broker/handlers/group_access.h"
#include "broker/handlers/topic_view.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/find_coordinator_request.h"
#include "kafka/messages/find_coordinator_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::FindCoordinatorRequest;
using kafka::FindCoordinatorResponse;
using Coordinator = FindCoordinatorResponse::Coordinator;

constexpr std::int16_t kFirstVersionWithKeys = 4;
constexpr std::int8_t kGroupKeyType = 0;

Coordinator nobody(std::string key, ErrorCode error) {
  Coordinator answer;
  answer.key = std::move(key);
  answer.node_id = -1;
  answer.port = -1;
  answer.error_code = kafka::to_wire(error);
  return answer;
}

// The broker that leads the group's partition, if it has an endpoint of the client's listener.
Coordinator locate(const RequestContext& context, std::string group_id) {
  const metadata::ImagePtr image = context.services.images->current();
  const auto topic = image->topic(coordinator::GroupCoordinators::kTopic);
  if (topic == nullptr) return nobody(std::move(group_id), ErrorCode::kCoordinatorNotAvailable);
  const auto* partition = topic->partition(context.services.groups->partition_for(group_id));
  if (partition == nullptr) return nobody(std::move(group_id), ErrorCode::kCoordinatorNotAvailable);
  const PartitionView view = view_partition(*image, *partition, context.listener_name);
  if (view.error != ErrorCode::kNone) return nobody(std::move(group_id), ErrorCode::kCoordinatorNotAvailable);
  Coordinator answer;
  answer.key = std::move(group_id);
  answer.node_id = view.leader_id;
  for (const auto& [id, broker] : image->brokers()) {
    if (id.value() != view.leader_id) continue;
    const metadata::Endpoint* endpoint = broker->endpoint(context.listener_name);
    answer.host = endpoint->host;
    answer.port = endpoint->port;
  }
  return answer;
}

aio::Task<Coordinator> find(RequestContext& context, std::int8_t key_type, std::string key) {
  if (key_type != kGroupKeyType) co_return nobody(std::move(key), ErrorCode::kInvalidRequest);
  if (const ErrorCode error = check_group(context, security::Operation::kDescribe, key);
      error != ErrorCode::kNone)
    co_return nobody(std::move(key), error);
  const ErrorCode missing =
      co_await ensure_internal_topic(context, std::string(coordinator::GroupCoordinators::kTopic));
  if (missing != ErrorCode::kNone) co_return nobody(std::move(key), missing);
  co_return locate(context, std::move(key));
}

aio::Task<FindCoordinatorResponse> handle(RequestContext& context, FindCoordinatorRequest request) {
  FindCoordinatorResponse response;
  if (context.api_version >= kFirstVersionWithKeys) {
    for (std::string& key : request.coordinator_keys) {
      Coordinator found = co_await find(context, request.key_type, std::move(key));
      response.coordinators.push_back(std::move(found));
    }
    co_return response;
  }
  Coordinator found = co_await find(context, request.key_type, std::move(request.key));
  response.error_code = found.error_code;
  response.error_message = std::string(kafka::error_name(static_cast<ErrorCode>(found.error_code)));
  response.node_id = found.node_id;
  response.host = std::move(found.host);
  response.port = found.port;
  co_return response;
}

}  // namespace

extern const Handler find_coordinator_handler =
    make_handler<FindCoordinatorRequest, FindCoordinatorResponse, handle>();

}  // namespace penstock::handlers
