// The quorum's questions and answers as Kafka's messages: Vote, BeginQuorumEpoch, EndQuorumEpoch, and Fetch
// and FetchSnapshot of __cluster_metadata.
//
// Threads: pure functions.
// ERRORS: an answer that is none (an error of the whole request, another topic) is nullopt; a question that
// is none is the error code that it is answered with. Source: KIP-595, KIP-853, KIP-996, KIP-1166 (the high
// watermark in a fetch).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/raft/types.h"
#include "kafka/error_codes.h"
#include "kafka/messages/begin_quorum_epoch_request.h"
#include "kafka/messages/begin_quorum_epoch_response.h"
#include "kafka/messages/end_quorum_epoch_request.h"
#include "kafka/messages/end_quorum_epoch_response.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"
#include "kafka/messages/fetch_snapshot_request.h"
#include "kafka/messages/fetch_snapshot_response.h"
#include "kafka/messages/vote_request.h"
#include "kafka/messages/vote_response.h"

namespace penstock::raft {

inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";
inline constexpr base::Uuid kMetadataTopicId{0, 1};

// What this node says of itself in its messages.
struct WireIdentity {
  std::string cluster_id;
  // The first of controller.listener.names: where controllers reach each other.
  std::string listener_name;
  // Of this node's own controller listeners; none when it has no controller role.
  std::vector<Endpoint> endpoints{};
};

// Where a node listens for its peers.
struct NodeEndpoint {
  NodeId id{};
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const NodeEndpoint&) const = default;
};

kafka::ErrorCode to_error(Refusal refusal);
Refusal to_refusal(std::int16_t error_code);

kafka::VoteRequest to_request(const WireIdentity& self, const VoteAsk& ask);
kafka::BeginQuorumEpochRequest to_request(const WireIdentity& self, const BeginEpochAsk& ask);
kafka::EndQuorumEpochRequest to_request(const WireIdentity& self, const EndEpochAsk& ask);
kafka::FetchRequest to_request(const WireIdentity& self, const FetchAsk& ask);
kafka::FetchSnapshotRequest to_request(const WireIdentity& self, const SnapshotAsk& ask);

// An answer, and where its sender says that the leader is.
template <typename Answer>
struct Heard {
  Answer answer{};
  std::optional<NodeEndpoint> leader{};
};
// `from` is the node that was asked; kNoNode when that is not known.
std::optional<Heard<VoteAnswer>> read_answer(const VoteAsk& ask, NodeId from,
                                             const kafka::VoteResponse& response);
std::optional<Heard<EpochAnswer>> read_answer(const BeginEpochAsk& ask, NodeId from,
                                              const kafka::BeginQuorumEpochResponse& response);
std::optional<Heard<EpochAnswer>> read_answer(const EndEpochAsk& ask, NodeId from,
                                              const kafka::EndQuorumEpochResponse& response);
std::optional<Heard<FetchAnswer>> read_answer(const FetchAsk& ask, NodeId from,
                                              const kafka::FetchResponse& response);
std::optional<Heard<SnapshotAnswer>> read_answer(const SnapshotAsk& ask, NodeId from,
                                                 const kafka::FetchSnapshotResponse& response);

template <typename Ask>
using Asked = std::expected<Ask, kafka::ErrorCode>;
Asked<VoteAsk> read_ask(const WireIdentity& self, NodeId node, const kafka::VoteRequest& request);
Asked<BeginEpochAsk> read_ask(const WireIdentity& self, NodeId node,
                              const kafka::BeginQuorumEpochRequest& request);
Asked<EndEpochAsk> read_ask(const WireIdentity& self, NodeId node,
                            const kafka::EndQuorumEpochRequest& request);
Asked<FetchAsk> read_ask(const WireIdentity& self, NodeId node, const kafka::FetchRequest& request);
Asked<SnapshotAsk> read_ask(const WireIdentity& self, NodeId node,
                            const kafka::FetchSnapshotRequest& request);
// Where the sender of a BeginQuorumEpoch or EndQuorumEpoch says that it is, on our listener.
template <typename Request>
std::optional<NodeEndpoint> leader_of(const WireIdentity& self, const Request& request, NodeId leader) {
  for (const auto& endpoint : request.leader_endpoints) {
    if (endpoint.name == self.listener_name) return NodeEndpoint{leader, endpoint.host, endpoint.port};
  }
  return std::nullopt;
}

using LeaderAt = std::optional<NodeEndpoint>;
kafka::VoteResponse to_response(const VoteAnswer& answer, const LeaderAt& leader);
kafka::BeginQuorumEpochResponse to_begin_response(const EpochAnswer& answer, const LeaderAt& leader);
kafka::EndQuorumEpochResponse to_end_response(const EpochAnswer& answer, const LeaderAt& leader);
// `log_start` is that of this node's log.
kafka::FetchResponse to_response(FetchAnswer answer, const LeaderAt& leader, Offset log_start);
kafka::FetchSnapshotResponse to_response(SnapshotAnswer answer, const LeaderAt& leader);
// The refusal of a question that read_ask() took for none.
kafka::FetchSnapshotResponse refuse_snapshot(const kafka::FetchSnapshotRequest& request,
                                             kafka::ErrorCode code);

}  // namespace penstock::raft
