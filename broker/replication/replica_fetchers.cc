#include "broker/replication/replica_fetchers.h"

namespace penstock::replication {

ReplicaFetchers::ReplicaFetchers(kafka::NodeId self, const ReplicationConfig& config, PartitionSet& set,
                                 aio::Transport& transport, aio::Gate& gate)
    : self_(self), config_(config), set_(set), transport_(transport), gate_(gate) {}

std::shared_ptr<ReplicaFetcher> ReplicaFetchers::fetcher_of(kafka::NodeId leader) {
  std::shared_ptr<ReplicaFetcher>& fetcher = fetchers_[leader];
  if (fetcher) return fetcher;
  const FetcherOptions options{.self = self_,
                               .partition_bytes_max = config_.replica_fetch_bytes_max(),
                               .response_bytes_max = config_.replica_fetch_response_bytes_max(),
                               .bytes_min = config_.replica_fetch_bytes_min(),
                               .wait_max_ms = config_.replica_fetch_wait_max_ms(),
                               .backoff_max = base::milliseconds(config_.replica_fetch_backoff_ms())};
  fetcher = std::make_shared<ReplicaFetcher>(
      ReplicaFetcher::Parts{.set = set_,
                            .transport = transport_,
                            .gate = gate_,
                            .leader = leader,
                            .options = options,
                            .answer_wait = base::milliseconds(config_.replica_socket_timeout_ms())});
  fetcher->start();
  return fetcher;
}

void ReplicaFetchers::update(const Partition& partition, const std::string& topic) {
  if (is_stopped_) return;
  const bool is_following = partition.role() == Role::kFollower;
  const auto known = leaders_.find(partition.key());
  if (known != leaders_.end() && (!is_following || known->second != partition.leader())) {
    remove(partition.key());
  }
  if (!is_following) return;
  leaders_[partition.key()] = partition.leader();
  fetcher_of(partition.leader())->add(partition.key(), topic, partition.leader_epoch());
}

void ReplicaFetchers::remove(const PartitionKey& key) {
  const auto known = leaders_.find(key);
  if (known == leaders_.end()) return;
  const auto fetcher = fetchers_.find(known->second);
  leaders_.erase(known);
  fetcher->second->remove(key);
  if (!fetcher->second->is_empty()) return;
  fetcher->second->stop();
  fetchers_.erase(fetcher);
}

void ReplicaFetchers::wake() {
  for (const auto& [leader, fetcher] : fetchers_) fetcher->wake();
}

void ReplicaFetchers::stop() {
  is_stopped_ = true;
  for (const auto& [leader, fetcher] : fetchers_) fetcher->stop();
  fetchers_.clear();
  leaders_.clear();
}

}  // namespace penstock::replication
