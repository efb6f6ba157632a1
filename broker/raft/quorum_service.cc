#include "broker/raft/quorum_service.h"

#include <utility>

#include "base/aio/cross_reactor.h"
#include "base/aio/sleep.h"

namespace penstock::raft {

using kafka::ErrorCode;

namespace {

template <typename Response>
Response refuse(ErrorCode code) {
  Response response;
  response.error_code = kafka::to_wire(code);
  return response;
}

}  // namespace

aio::Task<kafka::VoteResponse> QuorumService::vote_here(const kafka::VoteRequest& request) {
  auto ask = read_ask(channel_.identity(), node_.self().id, request);
  if (!ask) co_return refuse<kafka::VoteResponse>(ask.error());
  const auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return refuse<kafka::VoteResponse>(ErrorCode::kBrokerNotAvailable);
  const auto& voted = std::get<VoteAnswer>(*answer);
  co_return to_response(voted, channel_.find(voted.leader));
}

aio::Task<kafka::BeginQuorumEpochResponse> QuorumService::begin_here(
    const kafka::BeginQuorumEpochRequest& request) {
  auto ask = read_ask(channel_.identity(), node_.self().id, request);
  if (!ask) co_return refuse<kafka::BeginQuorumEpochResponse>(ask.error());
  if (ask->epoch >= node_.epoch()) channel_.learn(leader_of(channel_.identity(), request, ask->leader));
  const auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return refuse<kafka::BeginQuorumEpochResponse>(ErrorCode::kBrokerNotAvailable);
  const auto& begun = std::get<EpochAnswer>(*answer);
  co_return to_begin_response(begun, channel_.find(begun.leader));
}

aio::Task<kafka::EndQuorumEpochResponse> QuorumService::end_here(
    const kafka::EndQuorumEpochRequest& request) {
  auto ask = read_ask(channel_.identity(), node_.self().id, request);
  if (!ask) co_return refuse<kafka::EndQuorumEpochResponse>(ask.error());
  const auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return refuse<kafka::EndQuorumEpochResponse>(ErrorCode::kBrokerNotAvailable);
  const auto& ended = std::get<EpochAnswer>(*answer);
  co_return to_end_response(ended, channel_.find(ended.leader));
}

aio::Task<kafka::FetchResponse> QuorumService::fetch_here(const kafka::FetchRequest& request) {
  auto ask = read_ask(channel_.identity(), node_.self().id, request);
  if (!ask) co_return refuse<kafka::FetchResponse>(ask.error());
  auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return refuse<kafka::FetchResponse>(ErrorCode::kBrokerNotAvailable);
  auto& fetched = std::get<FetchAnswer>(*answer);
  const auto leader = channel_.find(fetched.leader);
  co_return to_response(std::move(fetched), leader, node_.start_offset());
}

aio::Task<kafka::FetchSnapshotResponse> QuorumService::fetch_snapshot_here(
    const kafka::FetchSnapshotRequest& request) {
  auto ask = read_ask(channel_.identity(), node_.self().id, request);
  if (!ask) co_return refuse_snapshot(request, ask.error());
  auto answer = co_await node_.ask(std::move(*ask));
  if (!answer) co_return refuse_snapshot(request, ErrorCode::kBrokerNotAvailable);
  auto& fetched = std::get<SnapshotAnswer>(*answer);
  const auto leader = channel_.find(fetched.leader);
  co_return to_response(std::move(fetched), leader);
}

kafka::DescribeQuorumResponse QuorumService::describe_here(
    const kafka::DescribeQuorumRequest& request) const {
  kafka::DescribeQuorumResponse response;
  if (request.topics.size() != 1 || request.topics.front().topic_name != kMetadataTopic ||
      request.topics.front().partitions.size() != 1 ||
      request.topics.front().partitions.front().partition_index != 0) {
    response.error_code = kafka::to_wire(ErrorCode::kUnknownTopicOrPartition);
    return response;
  }
  auto& topic = response.topics.emplace_back();
  topic.topic_name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  if (!node_.is_leader()) {
    partition.error_code = kafka::to_wire(ErrorCode::kNotLeaderOrFollower);
    partition.error_message = "this node does not lead the metadata quorum";
    return response;
  }
  partition.leader_id = node_.self().id.value();
  partition.leader_epoch = node_.epoch().value();
  partition.high_watermark = node_.high_watermark().value();
  const base::MonoTime now = reactor_.now();
  const auto wall_ms = [&](const std::optional<base::MonoTime>& at) {
    if (!at) return std::int64_t{-1};
    return reactor_.wall_ms() - std::chrono::duration_cast<base::milliseconds>(now - *at).count();
  };
  for (const ReplicaProgress& replica : node_.progress()) {
    auto& state = (replica.is_voter ? partition.current_voters : partition.observers).emplace_back();
    state.replica_id = replica.key.id.value();
    state.replica_directory_id = replica.key.directory;
    state.log_end_offset = replica.end_offset.value();
    state.last_fetch_timestamp = wall_ms(replica.last_fetch);
    state.last_caught_up_timestamp = wall_ms(replica.last_caught_up);
  }
  for (const Voter& voter : node_.voters()) {
    auto& entry = response.nodes.emplace_back();
    entry.node_id = voter.key.id.value();
    for (const Endpoint& endpoint : voter.endpoints) {
      auto& listener = entry.listeners.emplace_back();
      listener.name = endpoint.name;
      listener.host = endpoint.host;
      listener.port = endpoint.port;
    }
  }
  return response;
}

aio::Task<kafka::VoteResponse> QuorumService::vote(aio::Reactor& home, kafka::VoteRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return vote_here(request); });
}

aio::Task<kafka::BeginQuorumEpochResponse> QuorumService::begin_epoch(
    aio::Reactor& home, kafka::BeginQuorumEpochRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return begin_here(request); });
}

aio::Task<kafka::EndQuorumEpochResponse> QuorumService::end_epoch(aio::Reactor& home,
                                                                  kafka::EndQuorumEpochRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return end_here(request); });
}

aio::Task<kafka::FetchResponse> QuorumService::fetch(aio::Reactor& home, kafka::FetchRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return fetch_here(request); });
}

aio::Task<kafka::FetchSnapshotResponse> QuorumService::fetch_snapshot(aio::Reactor& home,
                                                                      kafka::FetchSnapshotRequest request) {
  co_return co_await aio::call_on(home, reactor_, [&] { return fetch_snapshot_here(request); });
}

aio::Task<kafka::DescribeQuorumResponse> QuorumService::describe(aio::Reactor& home,
                                                                 kafka::DescribeQuorumRequest request) {
  co_return co_await aio::run_on(home, reactor_, [&] { return describe_here(request); });
}

aio::Task<NodeId> QuorumService::leader(aio::Reactor& home) {
  co_return co_await aio::run_on(home, reactor_, [this] { return node_.leader(); });
}

}  // namespace penstock::raft
