#include "kafka/client/admin_client.h"

#include "base/assert.h"
#include "kafka/client/admin_call.h"
#include "kafka/messages/alter_partition_reassignments_request.h"
#include "kafka/messages/alter_partition_reassignments_response.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/describe_cluster_request.h"
#include "kafka/messages/describe_cluster_response.h"
#include "kafka/messages/describe_quorum_request.h"
#include "kafka/messages/describe_quorum_response.h"
#include "kafka/messages/describe_topic_partitions_request.h"
#include "kafka/messages/describe_topic_partitions_response.h"
#include "kafka/messages/find_coordinator_request.h"
#include "kafka/messages/find_coordinator_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"
#include "kafka/messages/unregister_broker_request.h"
#include "kafka/messages/unregister_broker_response.h"

namespace penstock::kafka {

using aio::Task;
using base::Errc;
using base::Error;
using base::fail;
using base::Result;
using ConnectionResult = Result<std::shared_ptr<Connection>>;

AdminClient::AdminClient(aio::Reactor& reactor, aio::Transport& transport, base::Random& random,
                         AdminClientOptions options)
    : reactor_(reactor), transport_(transport), random_(random), options_(std::move(options)) {
  BASE_ASSERT(!options_.bootstrap.empty(), "an admin client has a bootstrap address");
}

AdminClient::~AdminClient() = default;

Task<> AdminClient::stop() {
  stopping_.cancel();
  const Error reason(Errc::kShuttingDown, "kafka client is stopping");
  for (const auto& [endpoint, connection] : connections_) connection->close(reason);
  connections_.clear();
  co_await gate_.close();
}

Task<Result<>> AdminClient::back_off(std::uint32_t tries, base::MonoTime deadline, Error cause) {
  base::Duration delay = options_.backoff_min;
  for (std::uint32_t i = 0; i < tries && delay < options_.backoff_max; ++i) delay *= 2;
  delay = std::min(delay, options_.backoff_max);
  // Four fifths to six fifths, so that clients that failed together do not come back together.
  delay =
      delay * 4 / 5 + base::Duration(random_.below(static_cast<std::uint64_t>(delay.count() * 2 / 5) + 1));
  if (stopping_.is_cancelled()) co_return fail(Errc::kShuttingDown, "kafka client is stopping");
  if (reactor_.now() + delay >= deadline) co_return fail(std::move(cause));
  const auto slept = co_await aio::sleep_for(reactor_, delay, stopping_.token());
  if (!slept) co_return fail(Errc::kShuttingDown, "kafka client is stopping");
  co_return Result<>{};
}

Task<ConnectionResult> AdminClient::connection_at(Endpoint endpoint, base::MonoTime deadline) {
  std::erase_if(connections_, [](const auto& entry) { return !entry.second->is_open(); });
  if (const auto found = connections_.find(endpoint); found != connections_.end()) co_return found->second;
  ConnectionOptions options;
  options.client_id = options_.client_id;
  const base::MonoTime until = std::min(deadline, reactor_.now() + options_.connect_timeout);
  auto opened = co_await Connection::open(reactor_, transport_, gate_, endpoint, std::move(options), until);
  if (!opened) co_return opened;
  if (stopping_.is_cancelled()) {
    const Error reason(Errc::kShuttingDown, "kafka client is stopping");
    (*opened)->close(reason);
    co_return fail(reason);
  }
  // Another call may have connected meanwhile; one connection per broker is enough.
  const auto [kept, is_new] = connections_.emplace(endpoint, *opened);
  if (!is_new && kept->second->is_open()) {
    (*opened)->close(Error(Errc::kCancelled, "one connection is enough"));
    co_return kept->second;
  }
  kept->second = *opened;
  co_return opened;
}

Task<ConnectionResult> AdminClient::any_connection(base::MonoTime deadline) {
  for (const auto& [endpoint, connection] : connections_) {
    if (connection->is_open()) co_return connection;
  }
  std::vector<Endpoint> candidates;
  for (std::size_t i = 0; i < options_.bootstrap.size(); ++i) {
    candidates.push_back(options_.bootstrap[(next_bootstrap_ + i) % options_.bootstrap.size()]);
  }
  for (const auto& [id, endpoint] : brokers_) candidates.push_back(endpoint);
  std::optional<Error> last;
  for (const Endpoint& endpoint : candidates) {
    auto connection = co_await connection_at(endpoint, deadline);
    if (connection || connection.error().code() == Errc::kShuttingDown) co_return connection;
    ++next_bootstrap_;
    last.emplace(connection.error());
  }
  co_return fail(*last);
}

Task<ConnectionResult> AdminClient::connection_to(NodeId node, base::MonoTime deadline) {
  if (node == kNoNode) co_return co_await any_connection(deadline);
  if (!brokers_.contains(node)) {
    MetadataRequest request;
    request.topics.emplace();
    const auto response = co_await try_once(kNoNode, std::move(request), deadline);
    if (!response) co_return fail(response.error());
    remember_brokers(*response);
  }
  const auto found = brokers_.find(node);
  if (found == brokers_.end()) {
    co_return fail(Errc::kUnavailable, fmt::format("broker {} is not in the cluster's metadata", node));
  }
  const Endpoint endpoint = found->second;
  auto connection = co_await connection_at(endpoint, deadline);
  if (!connection) brokers_.erase(node);  // It may have moved; the next try asks.
  co_return connection;
}

void AdminClient::remember_brokers(const MetadataResponse& response) {
  brokers_.clear();
  for (const auto& broker : response.brokers) {
    brokers_[NodeId(broker.node_id)] = {broker.host, static_cast<std::uint16_t>(broker.port)};
  }
}

Task<Result<MetadataResponse>> AdminClient::metadata(MetadataRequest request) {
  auto response = co_await call(kNoNode, std::move(request));
  if (response) remember_brokers(*response);
  co_return response;
}

Task<Result<DescribeClusterResponse>> AdminClient::describe_cluster(DescribeClusterRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<CreateTopicsResponse>> AdminClient::create_topics(CreateTopicsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<DeleteTopicsResponse>> AdminClient::delete_topics(DeleteTopicsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<CreatePartitionsResponse>> AdminClient::create_partitions(CreatePartitionsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<DescribeTopicPartitionsResponse>> AdminClient::describe_topic_partitions(
    DescribeTopicPartitionsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<FindCoordinatorResponse>> AdminClient::find_coordinator(FindCoordinatorRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<ListPartitionReassignmentsResponse>> AdminClient::list_partition_reassignments(
    ListPartitionReassignmentsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<AlterPartitionReassignmentsResponse>> AdminClient::alter_partition_reassignments(
    AlterPartitionReassignmentsRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<UnregisterBrokerResponse>> AdminClient::unregister_broker(UnregisterBrokerRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<DescribeQuorumResponse>> AdminClient::describe_quorum(DescribeQuorumRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

Task<Result<RemoveRaftVoterResponse>> AdminClient::remove_raft_voter(RemoveRaftVoterRequest request) {
  co_return co_await call(kNoNode, std::move(request));
}

}  // namespace penstock::kafka
