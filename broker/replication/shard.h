// One reactor's part of the ReplicaManager.
#pragma once

#include <memory>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "broker/replication/partition_set.h"
#include "broker/replication/replica_fetchers.h"
#include "broker/replication/replica_manager.h"

namespace penstock::replication {

struct ReplicaManager::Shard {
  explicit Shard(aio::Reactor& reactor_of) : reactor(&reactor_of), set(reactor_of) {}

  aio::Reactor* reactor;
  PartitionSet set;
  // Touched on the reactor.
  aio::CancelSource stopping;
  aio::Gate gate;
  std::unique_ptr<ReplicaFetchers> fetchers;  // Null when there is nobody to fetch from.
};

// "orders-3" as topic and partition.
inline storage::TopicPartition topic_partition_of(const Partition& partition) {
  const std::string& name = partition.name();
  return {.topic = name.substr(0, name.rfind('-')), .partition = partition.key().partition};
}

}  // namespace penstock::replication
