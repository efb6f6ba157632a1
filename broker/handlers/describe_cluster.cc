// DescribeCluster on a broker's listener: the brokers.
#include "broker/handlers/access.h"
#include "broker/handlers/endpoint_type.h"
#include "broker/metadata/image_source.h"
#include "kafka/error_codes.h"
#include "kafka/messages/describe_cluster_request.h"
#include "kafka/messages/describe_cluster_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeClusterRequest;
using kafka::DescribeClusterResponse;

aio::Task<DescribeClusterResponse> handle(RequestContext& context, DescribeClusterRequest request) {
  DescribeClusterResponse response = begin_describe_cluster(request.endpoint_type, kEndpointTypeBrokers);
  response.cluster_id = context.services.cluster_id;
  if (response.error_code != kafka::to_wire(kafka::ErrorCode::kNone)) co_return response;
  const metadata::ImagePtr image = context.services.images->current();
  for (const auto& [id, broker] : image->brokers()) {
    const metadata::Endpoint* endpoint = broker->endpoint(context.listener_name);
    if (endpoint == nullptr || (broker->is_fenced && !request.include_fenced_brokers)) continue;
    response.brokers.push_back({.broker_id = id.value(),
                                .host = endpoint->host,
                                .port = endpoint->port,
                                .rack = broker->rack,
                                .is_fenced = broker->is_fenced});
    if (!broker->is_fenced && (response.controller_id < 0 || id.value() == context.services.node_id)) {
      response.controller_id = id.value();
    }
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations =
        authorized_operations(context, security::ResourceKind::kCluster, security::kClusterResource);
  }
  co_return response;
}

}  // namespace

extern const Handler describe_cluster_handler =
    make_handler<DescribeClusterRequest, DescribeClusterResponse, handle>();

}  // namespace penstock::handlers
