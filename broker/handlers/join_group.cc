// JoinGroup: a member enters its group or the next generation of it; the answer waits for the others.
#include "broker/handlers/group_access.h"
#include "kafka/messages/join_group_request.h"
#include "kafka/messages/join_group_response.h"

namespace penstock::handlers {

namespace {

using kafka::JoinGroupRequest;
using kafka::JoinGroupResponse;

constexpr std::int16_t kFirstVersionWithNullProtocol = 7;

aio::Task<JoinGroupResponse> handle(RequestContext& context, JoinGroupRequest request) {
  if (auto refused = refuse_unless_member<JoinGroupResponse>(context, request.group_id))
    co_return std::move(*refused);
  auto response = co_await context.services.groups->join_group(context.reactor, group_caller(context),
                                                               std::move(request));
  if (context.api_version < kFirstVersionWithNullProtocol && !response.protocol_name)
    response.protocol_name = "";
  co_return response;
}

}  // namespace

extern const Handler join_group_handler = make_handler<JoinGroupRequest, JoinGroupResponse, handle>();

}  // namespace penstock::handlers
