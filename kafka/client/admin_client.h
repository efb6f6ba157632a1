// Kafka's admin calls, as tasks: routed to the right broker, retried, over whichever bootstrap address works.
//
// Requests and answers are the generated messages; include kafka/messages/<name>.h of those that you use. A
// call fails only when no answer came: per-topic errors are in the answer. A call whose every item failed
// with a retriable error is sent again, with growing, jittered pauses, until the call's time is up. Lifetime:
// stop() before destruction; it ends calls under way with kShuttingDown and waits for them. Threads:  one
// reactor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/transport.h"
#include "base/random.h"
#include "kafka/client/connection.h"
#include "kafka/client/endpoint.h"
#include "kafka/ids.h"

namespace penstock::kafka {

struct AlterPartitionReassignmentsRequest;
struct AlterPartitionReassignmentsResponse;
struct CreatePartitionsRequest;
struct CreatePartitionsResponse;
struct CreateTopicsRequest;
struct CreateTopicsResponse;
struct DeleteTopicsRequest;
struct DeleteTopicsResponse;
struct DescribeClusterRequest;
struct DescribeClusterResponse;
struct DescribeConfigsRequest;
struct DescribeConfigsResponse;
struct DescribeQuorumRequest;
struct DescribeQuorumResponse;
struct DescribeTopicPartitionsRequest;
struct DescribeTopicPartitionsResponse;
struct FindCoordinatorRequest;
struct FindCoordinatorResponse;
struct IncrementalAlterConfigsRequest;
struct IncrementalAlterConfigsResponse;
struct ListGroupsRequest;
struct ListGroupsResponse;
struct ListOffsetsRequest;
struct ListOffsetsResponse;
struct ListPartitionReassignmentsRequest;
struct ListPartitionReassignmentsResponse;
struct MetadataRequest;
struct MetadataResponse;
struct RemoveRaftVoterRequest;
struct RemoveRaftVoterResponse;
struct UnregisterBrokerRequest;
struct UnregisterBrokerResponse;

struct AdminClientOptions {
  std::vector<Endpoint> bootstrap;  // At least one.
  std::string client_id = "penstock-admin";
  base::Duration call_timeout = base::seconds(60);     // Of a call with all its retries.
  base::Duration request_timeout = base::seconds(30);  // Of one try.
  base::Duration connect_timeout = base::seconds(10);
  base::Duration backoff_min = base::milliseconds(100);
  base::Duration backoff_max = base::seconds(1);
  std::function<void(const base::Error& cause)> on_retry{};  // Told before each pause; may be empty.
};

// resource_type of configs requests.
inline constexpr std::int8_t kResourceTopic = 2;
inline constexpr std::int8_t kResourceBroker = 4;
// config_operation of IncrementalAlterConfigs.
inline constexpr std::int8_t kConfigSet = 0;
inline constexpr std::int8_t kConfigDelete = 1;
inline constexpr std::int8_t kConfigAppend = 2;
inline constexpr std::int8_t kConfigSubtract = 3;
// config_source of DescribeConfigs.
inline constexpr std::int8_t kSourceDynamicTopic = 1;
// timestamp of ListOffsets.
inline constexpr std::int64_t kLatestTimestamp = -1;
inline constexpr std::int64_t kEarliestTimestamp = -2;

class AdminClient {
 public:
  // All references outlive the client.
  AdminClient(aio::Reactor& reactor, aio::Transport& transport, base::Random& random,
              AdminClientOptions options);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  aio::Task<> stop();

  // ERRORS of all: kTimedOut and kUnavailable (naming the last cause), kUnsupported, kCorrupt, kShuttingDown.
  aio::Task<base::Result<MetadataResponse>> metadata(MetadataRequest request);
  aio::Task<base::Result<DescribeClusterResponse>> describe_cluster(DescribeClusterRequest request);
  aio::Task<base::Result<CreateTopicsResponse>> create_topics(CreateTopicsRequest request);
  aio::Task<base::Result<DeleteTopicsResponse>> delete_topics(DeleteTopicsRequest request);
  aio::Task<base::Result<CreatePartitionsResponse>> create_partitions(CreatePartitionsRequest request);
  aio::Task<base::Result<DescribeTopicPartitionsResponse>> describe_topic_partitions(
      DescribeTopicPartitionsRequest request);
  aio::Task<base::Result<FindCoordinatorResponse>> find_coordinator(FindCoordinatorRequest request);
  aio::Task<base::Result<ListPartitionReassignmentsResponse>> list_partition_reassignments(
      ListPartitionReassignmentsRequest request);
  aio::Task<base::Result<AlterPartitionReassignmentsResponse>> alter_partition_reassignments(
      AlterPartitionReassignmentsRequest request);

  aio::Task<base::Result<UnregisterBrokerResponse>> unregister_broker(UnregisterBrokerRequest request);
  // Of the metadata quorum.
  aio::Task<base::Result<DescribeQuorumResponse>> describe_quorum(DescribeQuorumRequest request);
  aio::Task<base::Result<RemoveRaftVoterResponse>> remove_raft_voter(RemoveRaftVoterRequest request);

  // Resources of one broker (type kResourceBroker with a name) go to that broker, the rest to any.
  aio::Task<base::Result<DescribeConfigsResponse>> describe_configs(DescribeConfigsRequest request);
  aio::Task<base::Result<IncrementalAlterConfigsResponse>> incremental_alter_configs(
      IncrementalAlterConfigsRequest request);

  // Asks each partition's leader; the answers are put together.
  aio::Task<base::Result<ListOffsetsResponse>> list_offsets(ListOffsetsRequest request);
  // Asks every broker.
  aio::Task<base::Result<ListGroupsResponse>> list_groups(ListGroupsRequest request);

 private:
  // The bodies are in kafka/client/admin_call.h, for this module's .cc files.
  // To `node`, or to any broker when it is kNoNode, until it succeeds or time is up.
  template <typename Request>
  aio::Task<base::Result<typename Request::Response>> call(NodeId node, Request request);
  template <typename Request>
  aio::Task<base::Result<typename Request::Response>> call_until(NodeId node, Request request,
                                                                 base::MonoTime deadline);
  template <typename Request>
  aio::Task<base::Result<typename Request::Response>> try_once(NodeId node, Request request,
                                                               base::MonoTime deadline);

  base::MonoTime call_deadline() const { return reactor_.now() + options_.call_timeout; }
  // Sleeps before try `tries` + 1. ERRORS: `cause`, when time is up; kShuttingDown.
  aio::Task<base::Result<>> back_off(std::uint32_t tries, base::MonoTime deadline, base::Error cause);
  aio::Task<base::Result<std::shared_ptr<Connection>>> connection_to(NodeId node, base::MonoTime deadline);
  aio::Task<base::Result<std::shared_ptr<Connection>>> connection_at(Endpoint endpoint,
                                                                     base::MonoTime deadline);
  aio::Task<base::Result<std::shared_ptr<Connection>>> any_connection(base::MonoTime deadline);
  void remember_brokers(const MetadataResponse& response);

  aio::Reactor& reactor_;
  aio::Transport& transport_;
  base::Random& random_;
  const AdminClientOptions options_;
  std::map<Endpoint, std::shared_ptr<Connection>> connections_;
  std::map<NodeId, Endpoint> brokers_;  // As the last metadata said.
  std::size_t next_bootstrap_ = 0;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::kafka
