#include "broker/raft/wire_voters.h"

#include <algorithm>

#include <fmt/format.h>

namespace penstock::raft {

using kafka::ErrorCode;

namespace {

constexpr std::string_view kKraftVersionFeature = "kraft.version";

template <typename Request>
void name_voter(Request& request, const WireIdentity& self, const ReplicaKey& voter) {
  request.cluster_id = self.cluster_id;
  request.voter_id = voter.id.value();
  request.voter_directory_id = voter.directory;
}

template <typename Request>
void add_endpoints(Request& request, const std::vector<Endpoint>& endpoints) {
  for (const Endpoint& endpoint : endpoints) {
    auto& listener = request.listeners.emplace_back();
    listener.name = endpoint.name;
    listener.host = endpoint.host;
    listener.port = endpoint.port;
  }
}

template <typename Request>
std::optional<BadAsk> refuse_voter(const WireIdentity& self, const Request& request) {
  if (request.cluster_id && *request.cluster_id != self.cluster_id) {
    return BadAsk{ErrorCode::kInconsistentClusterId,
                  fmt::format("this is cluster {}, not {}", self.cluster_id, *request.cluster_id)};
  }
  if (request.voter_id < 0 || request.voter_directory_id.is_zero()) {
    return BadAsk{ErrorCode::kInvalidRequest, "a voter is named by its node id and its directory id"};
  }
  return std::nullopt;
}

template <typename Request>
ReplicaKey voter_of(const Request& request) {
  return {NodeId(request.voter_id), request.voter_directory_id};
}

template <typename Request>
std::expected<std::vector<Endpoint>, BadAsk> endpoints_of(const WireIdentity& self, const Request& request) {
  std::vector<Endpoint> endpoints;
  for (const auto& listener : request.listeners) {
    endpoints.push_back({listener.name, listener.host, listener.port});
  }
  if (std::ranges::find(endpoints, self.listener_name, &Endpoint::name) == endpoints.end()) {
    return std::unexpected(
        BadAsk{ErrorCode::kInvalidRequest,
               fmt::format("the voter does not say where it listens as {}", self.listener_name)});
  }
  return endpoints;
}

template <typename Ask, typename Response>
Heard<ChangeAnswer> read_change(const Ask& ask, NodeId from, const Response& response) {
  Heard<ChangeAnswer> heard;
  heard.answer = {.id = ask.id, .from = from, .refusal = to_refusal(response.error_code)};
  return heard;
}

}  // namespace

kafka::AddRaftVoterRequest to_request(const WireIdentity& self, const AddVoterAsk& ask) {
  kafka::AddRaftVoterRequest request;
  name_voter(request, self, ask.voter.key);
  add_endpoints(request, ask.voter.endpoints);
  request.ack_when_committed = ask.is_answered_when_committed;
  return request;
}

kafka::RemoveRaftVoterRequest to_request(const WireIdentity& self, const RemoveVoterAsk& ask) {
  kafka::RemoveRaftVoterRequest request;
  name_voter(request, self, ask.voter);
  return request;
}

kafka::UpdateRaftVoterRequest to_request(const WireIdentity& self, const UpdateVoterAsk& ask) {
  kafka::UpdateRaftVoterRequest request;
  name_voter(request, self, ask.voter.key);
  request.current_leader_epoch = ask.epoch.value();
  add_endpoints(request, ask.voter.endpoints);
  request.kraft_version_feature.min_supported_version = ask.voter.kraft_version_min;
  request.kraft_version_feature.max_supported_version = ask.voter.kraft_version_max;
  return request;
}

kafka::ApiVersionsRequest to_request(const WireIdentity& /*self*/, const VersionsAsk& /*ask*/) {
  kafka::ApiVersionsRequest request;
  request.client_software_name = "penstock";
  request.client_software_version = "0.1.0";
  return request;
}

std::optional<Heard<ChangeAnswer>> read_answer(const AddVoterAsk& ask, NodeId from,
                                               const kafka::AddRaftVoterResponse& response) {
  auto heard = read_change(ask, from, response);
  heard.answer.reason = response.error_message.value_or("");
  return heard;
}

std::optional<Heard<ChangeAnswer>> read_answer(const RemoveVoterAsk& ask, NodeId from,
                                               const kafka::RemoveRaftVoterResponse& response) {
  auto heard = read_change(ask, from, response);
  heard.answer.reason = response.error_message.value_or("");
  return heard;
}

std::optional<Heard<ChangeAnswer>> read_answer(const UpdateVoterAsk& ask, NodeId from,
                                               const kafka::UpdateRaftVoterResponse& response) {
  auto heard = read_change(ask, from, response);
  const auto& leader = response.current_leader;
  heard.answer.epoch = LeaderEpoch(std::max(leader.leader_epoch, 0));
  heard.answer.leader = NodeId(leader.leader_id);
  if (leader.leader_id >= 0) {
    heard.leader =
        NodeEndpoint{NodeId(leader.leader_id), leader.host, static_cast<std::uint16_t>(leader.port)};
  }
  return heard;
}

std::optional<Heard<VersionsAnswer>> read_answer(const VersionsAsk& ask, NodeId /*from*/,
                                                 const kafka::ApiVersionsResponse& response) {
  Heard<VersionsAnswer> heard;
  heard.answer.id = ask.id;
  if (response.error_code != 0) heard.answer.refusal = Refusal::kUnavailable;
  for (const auto& feature : response.supported_features) {
    if (feature.name != kKraftVersionFeature) continue;
    heard.answer.kraft_version_min = feature.min_version;
    heard.answer.kraft_version_max = feature.max_version;
  }
  return heard;
}

std::expected<AddVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                            const kafka::AddRaftVoterRequest& request) {
  if (auto bad = refuse_voter(self, request)) return std::unexpected(std::move(*bad));
  auto endpoints = endpoints_of(self, request);
  if (!endpoints) return std::unexpected(std::move(endpoints.error()));
  return AddVoterAsk{.voter = {.key = voter_of(request), .endpoints = std::move(*endpoints)},
                     .is_answered_when_committed = request.ack_when_committed};
}

std::expected<RemoveVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                               const kafka::RemoveRaftVoterRequest& request) {
  if (auto bad = refuse_voter(self, request)) return std::unexpected(std::move(*bad));
  return RemoveVoterAsk{.voter = voter_of(request)};
}

std::expected<UpdateVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                               const kafka::UpdateRaftVoterRequest& request) {
  if (auto bad = refuse_voter(self, request)) return std::unexpected(std::move(*bad));
  auto endpoints = endpoints_of(self, request);
  if (!endpoints) return std::unexpected(std::move(endpoints.error()));
  const auto& range = request.kraft_version_feature;
  if (range.min_supported_version < 0 || range.max_supported_version < range.min_supported_version) {
    return std::unexpected(BadAsk{ErrorCode::kInvalidRequest, "the range of kraft.version is none"});
  }
  return UpdateVoterAsk{.epoch = LeaderEpoch(request.current_leader_epoch),
                        .voter = {.key = voter_of(request),
                                  .endpoints = std::move(*endpoints),
                                  .kraft_version_min = range.min_supported_version,
                                  .kraft_version_max = range.max_supported_version}};
}

}  // namespace penstock::raft
