// What the quorum's messages have in common. For wire*.cc alone.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <type_traits>

#include "broker/raft/wire.h"

namespace penstock::raft {

// The only partition of the only topic; null when there are others, or none.
template <typename Topics>
auto lone_partition(const Topics& topics) -> const
    typename std::remove_cvref_t<decltype(topics.front().partitions)>::value_type* {
  if (topics.size() != 1 || topics.front().partitions.size() != 1) return nullptr;
  return &topics.front().partitions.front();
}

template <typename Response>
std::optional<NodeEndpoint> endpoint_of(const Response& response, NodeId leader) {
  for (const auto& node : response.node_endpoints) {
    if (node.node_id == leader.value()) {
      return NodeEndpoint{leader, node.host, static_cast<std::uint16_t>(node.port)};
    }
  }
  return std::nullopt;
}

template <typename Response>
void add_endpoint(Response& response, const LeaderAt& leader) {
  if (!leader) return;
  auto& node = response.node_endpoints.emplace_back();
  node.node_id = leader->id.value();
  node.host = leader->host;
  node.port = leader->port;
}

// What the answers to Fetch and FetchSnapshot have in common; whom they come from differs.
template <typename Answer, typename Ask, typename Partition>
Answer begin_answer(const Ask& ask, const Partition& partition) {
  Answer answer;
  answer.id = ask.id;
  answer.refusal = to_refusal(partition.error_code);
  answer.epoch = LeaderEpoch(partition.current_leader.leader_epoch);
  answer.leader = NodeId(partition.current_leader.leader_id);
  return answer;
}

template <typename Request>
bool is_other_cluster(const WireIdentity& self, const Request& request) {
  return request.cluster_id && *request.cluster_id != self.cluster_id;
}

}  // namespace penstock::raft
