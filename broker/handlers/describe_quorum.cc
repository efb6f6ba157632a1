// DescribeQuorum: who votes on the metadata log, and how far everybody has come; the leader knows.
#include "broker/handlers/access.h"
#include "broker/metadata/controller_api.h"
#include "kafka/messages/describe_quorum_request.h"
#include "kafka/messages/describe_quorum_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeQuorumRequest;
using kafka::DescribeQuorumResponse;

aio::Task<DescribeQuorumResponse> handle(RequestContext& context, DescribeQuorumRequest request) {
  if (!may_on_cluster(context, security::Operation::kDescribe)) {
    DescribeQuorumResponse refused;
    refused.error_code = kafka::to_wire(kafka::ErrorCode::kClusterAuthorizationFailed);
    co_return refused;
  }
  co_return co_await context.services.controller->describe_quorum(context.reactor, std::move(request));
}

}  // namespace

extern const Handler describe_quorum_handler =
    on_both_listeners(make_handler<DescribeQuorumRequest, DescribeQuorumResponse, handle>());

}  // namespace penstock::handlers
