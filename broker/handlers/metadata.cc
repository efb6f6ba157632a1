// Metadata: which brokers there are and who leads what (KIP-516 topic ids, KIP-430 operations).
#include <algorithm>

#include "broker/handlers/access.h"
#include "broker/handlers/auto_create.h"
#include "broker/handlers/config.h"
#include "broker/handlers/topic_view.h"
#include "broker/metadata/image_source.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::MetadataRequest;
using kafka::MetadataResponse;
using security::Operation;
using security::ResourceKind;
using ResponseTopic = MetadataResponse::MetadataResponseTopic;

ResponseTopic describe(const RequestContext& context, const metadata::MetadataImage& image,
                       const metadata::Topic& topic) {
  ResponseTopic out;
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal = is_internal_topic(topic.name);
  for (std::int32_t index = 0; index < topic.partition_count(); ++index) {
    const metadata::Partition* partition = topic.partition(kafka::PartitionId(index));
    if (partition == nullptr) continue;
    PartitionView view = view_partition(image, *partition, context.listener_name);
    MetadataResponse::MetadataResponsePartition row;
    row.error_code = static_cast<std::int16_t>(view.error);
    row.partition_index = index;
    row.leader_id = view.leader_id;
    row.leader_epoch = view.leader_epoch;
    row.replica_nodes = partition->replicas;
    row.isr_nodes = partition->isr;
    row.offline_replicas = std::move(view.offline_replicas);
    out.partitions.push_back(std::move(row));
  }
  return out;
}

ResponseTopic refused(std::optional<std::string> name, base::Uuid id, ErrorCode error) {
  ResponseTopic out;
  out.error_code = static_cast<std::int16_t>(error);
  out.name = std::move(name);
  out.topic_id = id;
  return out;
}

void add_all_topics(const RequestContext& context, const metadata::MetadataImage& image,
                    MetadataResponse& response) {
  for (const auto& topic : image.topics()) {
    if (may_on_topic(context, Operation::kDescribe, topic->name))
      response.topics.push_back(describe(context, image, *topic));
  }
}

ResponseTopic answer_by_id(const RequestContext& context, const metadata::MetadataImage& image,
                           const base::Uuid& id) {
  const auto topic = image.topic(id);
  if (topic == nullptr) return refused(std::nullopt, id, ErrorCode::kUnknownTopicId);
  if (!may_on_topic(context, Operation::kDescribe, topic->name)) {
    return refused(std::nullopt, id, ErrorCode::kTopicAuthorizationFailed);
  }
  return describe(context, image, *topic);
}

void add_brokers(const RequestContext& context, const metadata::MetadataImage& image,
                 MetadataResponse& response) {
  for (const auto& [id, broker] : image.brokers()) {
    const metadata::Endpoint* endpoint = broker->endpoint(context.listener_name);
    if (broker->is_fenced || endpoint == nullptr) continue;
    response.brokers.push_back(
        {.node_id = id.value(), .host = endpoint->host, .port = endpoint->port, .rack = broker->rack});
  }
  response.cluster_id = context.services.cluster_id;
  // Clients send controller requests to any broker, which forwards them; Kafka names a random live one.
  if (!response.brokers.empty()) {
    const bool is_self_there = std::ranges::any_of(
        response.brokers, [&](const auto& broker) { return broker.node_id == context.services.node_id; });
    response.controller_id = is_self_there ? context.services.node_id : response.brokers.front().node_id;
  }
}

void add_operations(const RequestContext& context, const MetadataRequest& request,
                    MetadataResponse& response) {
  if (request.include_topic_authorized_operations) {
    for (ResponseTopic& topic : response.topics) {
      if (topic.name && topic.error_code == 0) {
        topic.topic_authorized_operations = authorized_operations(context, ResourceKind::kTopic, *topic.name);
      }
    }
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations =
        authorized_operations(context, ResourceKind::kCluster, security::kClusterResource);
  }
}

aio::Task<MetadataResponse> handle(RequestContext& context, MetadataRequest request) {
  const metadata::ImagePtr image = context.services.images->current();
  MetadataResponse response;
  // In version 0 an empty list asks for everything; later a null one does.
  const bool wants_all = !request.topics || (context.api_version == 0 && request.topics->empty());
  std::vector<std::string> missing;
  if (wants_all) {
    add_all_topics(context, *image, response);
  } else {
    for (const MetadataRequest::MetadataRequestTopic& wanted : *request.topics) {
      if (!wanted.name) {
        response.topics.push_back(answer_by_id(context, *image, wanted.topic_id));
        continue;
      }
      const auto topic = image->topic(*wanted.name);
      if (!may_on_topic(context, Operation::kDescribe, *wanted.name)) {
        response.topics.push_back(refused(wanted.name, {}, ErrorCode::kTopicAuthorizationFailed));
      } else if (topic != nullptr) {
        response.topics.push_back(describe(context, *image, *topic));
      } else {
        missing.push_back(*wanted.name);
      }
    }
  }
  const bool may_create =
      request.allow_auto_topic_creation && context.services.handler_config->auto_create_topics();
  for (auto& [name, error] : co_await answer_missing_topics(context, std::move(missing), may_create)) {
    response.topics.push_back(refused(name, {}, error));
  }
  add_brokers(context, *image, response);
  add_operations(context, request, response);
  co_return response;
}

}  // namespace

extern const Handler metadata_handler = make_handler<MetadataRequest, MetadataResponse, handle>();

}  // namespace penstock::handlers
