// LeaveGroup: members go, or an administrator sends them. Before version 3 a request named one member.
#include "broker/handlers/group_access.h"
#include "kafka/messages/leave_group_request.h"
#include "kafka/messages/leave_group_response.h"

namespace penstock::handlers {

namespace {

using kafka::LeaveGroupRequest;
using kafka::LeaveGroupResponse;

constexpr std::int16_t kFirstVersionWithMembers = 3;

aio::Task<LeaveGroupResponse> handle(RequestContext& context, LeaveGroupRequest request) {
  if (auto refused = refuse_unless_member<LeaveGroupResponse>(context, request.group_id))
    co_return std::move(*refused);
  const bool is_single = context.api_version < kFirstVersionWithMembers;
  if (is_single) {
    auto& member = request.members.emplace_back();
    member.member_id = std::move(request.member_id);
    member.group_instance_id.reset();
    request.member_id.clear();
  }
  auto response = co_await context.services.groups->leave_group(context.reactor, group_caller(context),
                                                                std::move(request));
  if (is_single) {
    if (response.error_code == 0 && !response.members.empty())
      response.error_code = response.members.front().error_code;
    response.members.clear();
  }
  co_return response;
}

}  // namespace

extern const Handler leave_group_handler = make_handler<LeaveGroupRequest, LeaveGroupResponse, handle>();

}  // namespace penstock::handlers
