// What others ask of the leader about the voters.
#include <utility>

#include "base/aio/cross_reactor.h"
#include "broker/raft/quorum_service.h"

namespace penstock::raft {

using kafka::ErrorCode;

namespace {

template <typename Response>
Response answer_with(ErrorCode code, std::string reason) {
  Response response;
  response.error_code = kafka::to_wire(code);
  if (!reason.empty()) response.error_message = std::move(reason);
  return response;
}

}  // namespace

template <typename Request>
aio::Task<typename Request::Response> QuorumService::change_here(const Request& request) {
  using Response = typename Request::Response;
  auto ask = read_ask(channel_.identity(), request);
  if (!ask) co_return answer_with<Response>(ask.error().code, std::move(ask.error().reason));
  const auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return answer_with<Response>(ErrorCode::kBrokerNotAvailable, {});
  const auto& changed = std::get<ChangeAnswer>(*answer);
  co_return answer_with<Response>(to_error(changed.refusal), changed.reason);
}

aio::Task<kafka::UpdateRaftVoterResponse> QuorumService::update_here(
    const kafka::UpdateRaftVoterRequest& request) {
  kafka::UpdateRaftVoterResponse response;
  auto ask = read_ask(channel_.identity(), request);
  if (!ask) {
    response.error_code = kafka::to_wire(ask.error().code);
  } else if (const auto answer = co_await node_.ask(std::move(*ask)); !answer) {
    response.error_code = kafka::to_wire(ErrorCode::kBrokerNotAvailable);
  } else {
    response.error_code = kafka::to_wire(to_error(std::get<ChangeAnswer>(*answer).refusal));
  }
  response.current_leader.leader_id = node_.leader().value();
  response.current_leader.leader_epoch = node_.epoch().value();
  if (const auto at = channel_.find(node_.leader())) {
    response.current_leader.host = at->host;
    response.current_leader.port = at->port;
  }
  co_return response;
}

aio::Task<kafka::AddRaftVoterResponse> QuorumService::add_voter(aio::Reactor& home,
                                                                kafka::AddRaftVoterRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return change_here(request); });
}

aio::Task<kafka::RemoveRaftVoterResponse> QuorumService::remove_voter(aio::Reactor& home,
                                                                      kafka::RemoveRaftVoterRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return change_here(request); });
}

aio::Task<kafka::UpdateRaftVoterResponse> QuorumService::update_voter(aio::Reactor& home,
                                                                      kafka::UpdateRaftVoterRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return update_here(request); });
}

}  // namespace penstock::raft
