// What the quorum's messages have in common. For wire*.cc alone.
//
// Threads: pure functions.
#pragma once

#include <optional>

#include "broker/raft/wire.h"

namespace penstock::raft {

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

template <typename Request>
bool is_other_cluster(const WireIdentity& self, const Request& request) {
  return request.cluster_id && *request.cluster_id != self.cluster_id;
}

}  // namespace penstock::raft
