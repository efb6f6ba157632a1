// The fetchers of one reactor, one per leader that its partitions follow.
//
// Lifetime: stop() before the gate is closed. Threads: the reactor of the PartitionSet.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/aio/gate.h"
#include "base/aio/transport.h"
#include "broker/replication/config.h"
#include "broker/replication/replica_fetcher.h"

namespace penstock::replication {

class ReplicaFetchers {
 public:
  ReplicaFetchers(kafka::NodeId self, const ReplicationConfig& config, PartitionSet& set,
                  aio::Transport& transport, aio::Gate& gate);

  // The partition's role, leader or epoch may have changed: it is fetched from whom it follows now.
  void update(const Partition& partition, const std::string& topic);
  void remove(const PartitionKey& key);
  // Epochs or addresses have changed, or a flush has ended.
  void wake();
  void stop();
  std::size_t size() const { return fetchers_.size(); }

 private:
  std::shared_ptr<ReplicaFetcher> fetcher_of(kafka::NodeId leader);

  const kafka::NodeId self_;
  const ReplicationConfig& config_;
  PartitionSet& set_;
  aio::Transport& transport_;
  aio::Gate& gate_;
  std::map<kafka::NodeId, std::shared_ptr<ReplicaFetcher>> fetchers_;
  std::map<PartitionKey, kafka::NodeId> leaders_;
  bool is_stopped_ = false;
};

}  // namespace penstock::replication
