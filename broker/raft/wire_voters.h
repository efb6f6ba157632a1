// Changes of the voters as Kafka's messages: AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter, and ApiVersions
// for what a new voter has.
//
// Threads: pure functions.
// ERRORS: as broker/raft/wire.h; a question that is none comes with a sentence for people.
// Source: KIP-853, KIP-1186 (AckWhenCommitted).
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "broker/raft/wire.h"
#include "kafka/messages/add_raft_voter_request.h"
#include "kafka/messages/add_raft_voter_response.h"
#include "kafka/messages/api_versions_request.h"
#include "kafka/messages/api_versions_response.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"
#include "kafka/messages/update_raft_voter_request.h"
#include "kafka/messages/update_raft_voter_response.h"

namespace penstock::raft {

kafka::AddRaftVoterRequest to_request(const WireIdentity& self, const AddVoterAsk& ask);
kafka::RemoveRaftVoterRequest to_request(const WireIdentity& self, const RemoveVoterAsk& ask);
kafka::UpdateRaftVoterRequest to_request(const WireIdentity& self, const UpdateVoterAsk& ask);
kafka::ApiVersionsRequest to_request(const WireIdentity& self, const VersionsAsk& ask);

std::optional<Heard<ChangeAnswer>> read_answer(const AddVoterAsk& ask, NodeId from,
                                               const kafka::AddRaftVoterResponse& response);
std::optional<Heard<ChangeAnswer>> read_answer(const RemoveVoterAsk& ask, NodeId from,
                                               const kafka::RemoveRaftVoterResponse& response);
std::optional<Heard<ChangeAnswer>> read_answer(const UpdateVoterAsk& ask, NodeId from,
                                               const kafka::UpdateRaftVoterResponse& response);
std::optional<Heard<VersionsAnswer>> read_answer(const VersionsAsk& ask, NodeId from,
                                                 const kafka::ApiVersionsResponse& response);

struct BadAsk {
  kafka::ErrorCode code{};
  std::string reason;
};
std::expected<AddVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                            const kafka::AddRaftVoterRequest& request);
std::expected<RemoveVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                               const kafka::RemoveRaftVoterRequest& request);
std::expected<UpdateVoterAsk, BadAsk> read_ask(const WireIdentity& self,
                                               const kafka::UpdateRaftVoterRequest& request);

}  // namespace penstock::raft
