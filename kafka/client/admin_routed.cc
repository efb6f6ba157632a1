// The admin calls that go to particular brokers.
#include <charconv>
#include <map>

#include "kafka/client/admin_call.h"
#include "kafka/client/admin_client.h"
#include "kafka/messages/describe_configs_request.h"
#include "kafka/messages/describe_configs_response.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"
#include "kafka/messages/list_groups_request.h"
#include "kafka/messages/list_groups_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::kafka {

using aio::Task;
using base::Errc;
using base::fail;
using base::Result;

namespace {

// The broker that a configs resource belongs to; kNoNode when any will do.
NodeId owner_of(std::int8_t resource_type, const std::string& name) {
  std::int32_t id = -1;
  if (resource_type == kResourceBroker && !name.empty())
    std::from_chars(name.data(), name.data() + name.size(), id);
  return NodeId(id);
}

// The request split by broker, everything but its resources copied.
template <typename Request>
std::map<NodeId, Request> split_by_owner(Request request) {
  auto resources = std::move(request.resources);
  request.resources.clear();
  std::map<NodeId, Request> parts;
  for (auto& resource : resources) {
    const NodeId owner = owner_of(resource.resource_type, resource.resource_name);
    parts.try_emplace(owner, request).first->second.resources.push_back(std::move(resource));
  }
  return parts;
}

}  // namespace

Task<Result<DescribeConfigsResponse>> AdminClient::describe_configs(DescribeConfigsRequest request) {
  DescribeConfigsResponse merged;
  const auto parts = split_by_owner(std::move(request));
  for (const auto& [node, part] : parts) {
    auto response = co_await call(node, part);
    if (!response) co_return response;
    std::ranges::move(response->results, std::back_inserter(merged.results));
  }
  co_return merged;
}

Task<Result<IncrementalAlterConfigsResponse>> AdminClient::incremental_alter_configs(
    IncrementalAlterConfigsRequest request) {
  IncrementalAlterConfigsResponse merged;
  const auto parts = split_by_owner(std::move(request));
  for (const auto& [node, part] : parts) {
    auto response = co_await call(node, part);
    if (!response) co_return response;
    std::ranges::move(response->responses, std::back_inserter(merged.responses));
  }
  co_return merged;
}

Task<Result<ListGroupsResponse>> AdminClient::list_groups(ListGroupsRequest request) {
  MetadataRequest metadata_request;
  metadata_request.topics.emplace();
  const auto cluster = co_await metadata(std::move(metadata_request));
  if (!cluster) co_return fail(cluster.error());
  ListGroupsResponse merged;
  for (const auto& broker : cluster->brokers) {
    auto response = co_await call(NodeId(broker.node_id), request);
    if (!response) co_return response;
    if (response->error_code != 0) co_return response;
    std::ranges::move(response->groups, std::back_inserter(merged.groups));
  }
  co_return merged;
}

}  // namespace penstock::kafka
