// Answers what other nodes, and people's tools, ask of this node's raft member over the wire.
//
// Threads: every call from the reactor `home`, where it also ends; the work is done on the control reactor.
// Lifetime: node and channel outlive every call.
// ERRORS: in the responses, as the protocol has them; BROKER_NOT_AVAILABLE once the node has stopped.
// Source: KIP-595, KIP-853 (quorum_service_voters.cc), KIP-836 (DescribeQuorum).
#pragma once

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/raft/quorum_channel.h"
#include "broker/raft/raft_node.h"
#include "broker/raft/wire_voters.h"
#include "kafka/messages/describe_quorum_request.h"
#include "kafka/messages/describe_quorum_response.h"

namespace penstock::raft {

class QuorumService {
 public:
  QuorumService(aio::Reactor& reactor, RaftNode& node, QuorumChannel& channel)
      : reactor_(reactor), node_(node), channel_(channel) {}

  aio::Task<kafka::VoteResponse> vote(aio::Reactor& home, kafka::VoteRequest request);
  aio::Task<kafka::BeginQuorumEpochResponse> begin_epoch(aio::Reactor& home,
                                                         kafka::BeginQuorumEpochRequest request);
  aio::Task<kafka::EndQuorumEpochResponse> end_epoch(aio::Reactor& home,
                                                     kafka::EndQuorumEpochRequest request);
  aio::Task<kafka::FetchResponse> fetch(aio::Reactor& home, kafka::FetchRequest request);
  aio::Task<kafka::FetchSnapshotResponse> fetch_snapshot(aio::Reactor& home,
                                                         kafka::FetchSnapshotRequest request);
  // NOT_LEADER_OR_FOLLOWER unless this node leads.
  aio::Task<kafka::DescribeQuorumResponse> describe(aio::Reactor& home, kafka::DescribeQuorumRequest request);
  // Changes of the voters: NOT_LEADER_OR_FOLLOWER unless this node leads, REQUEST_TIMED_OUT while another one
  // is under way or when it is not done in controller.quorum.request.timeout.ms.
  aio::Task<kafka::AddRaftVoterResponse> add_voter(aio::Reactor& home, kafka::AddRaftVoterRequest request);
  aio::Task<kafka::RemoveRaftVoterResponse> remove_voter(aio::Reactor& home,
                                                         kafka::RemoveRaftVoterRequest request);
  aio::Task<kafka::UpdateRaftVoterResponse> update_voter(aio::Reactor& home,
                                                         kafka::UpdateRaftVoterRequest request);
  // kNoNode while none is known.
  aio::Task<NodeId> leader(aio::Reactor& home);

 private:
  aio::Task<kafka::VoteResponse> vote_here(const kafka::VoteRequest& request);
  aio::Task<kafka::BeginQuorumEpochResponse> begin_here(const kafka::BeginQuorumEpochRequest& request);
  aio::Task<kafka::EndQuorumEpochResponse> end_here(const kafka::EndQuorumEpochRequest& request);
  aio::Task<kafka::FetchResponse> fetch_here(const kafka::FetchRequest& request);
  template <typename Request>
  aio::Task<typename Request::Response> change_here(const Request& request);
  aio::Task<kafka::UpdateRaftVoterResponse> update_here(const kafka::UpdateRaftVoterRequest& request);
  aio::Task<kafka::FetchSnapshotResponse> fetch_snapshot_here(const kafka::FetchSnapshotRequest& request);
  kafka::DescribeQuorumResponse describe_here(const kafka::DescribeQuorumRequest& request) const;

  aio::Reactor& reactor_;
  RaftNode& node_;
  QuorumChannel& channel_;
};

}  // namespace penstock::raft
