// DescribeCluster on a controller listener: the controllers, for tools that were given
// --bootstrap-controller.
#include "broker/handlers/access.h"
#include "broker/handlers/endpoint_type.h"
#include "broker/metadata/image_source.h"
#include "broker/raft/quorum_service.h"
#include "kafka/error_codes.h"
#include "kafka/messages/describe_cluster_request.h"
#include "kafka/messages/describe_cluster_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeClusterRequest;
using kafka::DescribeClusterResponse;

aio::Task<DescribeClusterResponse> handle(RequestContext& context, DescribeClusterRequest request) {
  DescribeClusterResponse response = begin_describe_cluster(request.endpoint_type, kEndpointTypeControllers);
  response.cluster_id = context.services.cluster_id;
  if (response.error_code != kafka::to_wire(kafka::ErrorCode::kNone)) co_return response;
  const metadata::ImagePtr image = context.services.images->current();
  for (const auto& [id, controller] : image->controllers()) {
    const auto endpoint =
        std::ranges::find(controller->listeners, context.listener_name, &metadata::Endpoint::name);
    if (endpoint == controller->listeners.end()) continue;
    response.brokers.push_back({.broker_id = id.value(), .host = endpoint->host, .port = endpoint->port});
  }
  response.controller_id = (co_await context.services.quorum->leader(context.reactor)).value();
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations =
        authorized_operations(context, security::ResourceKind::kCluster, security::kClusterResource);
  }
  co_return response;
}

}  // namespace

extern const Handler controller_describe_cluster_handler =
    on_controller_listener(make_handler<DescribeClusterRequest, DescribeClusterResponse, handle>());

}  // namespace penstock::handlers
