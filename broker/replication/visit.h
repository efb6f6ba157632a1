// Runs a function on several partitions, each on its own reactor, with one message per reactor.
//
// Threads: awaited on `home`.
#pragma once

#include <cstddef>
#include <vector>

#include "broker/replication/replica_manager.h"
#include "broker/replication/scatter.h"

namespace penstock::replication {

namespace internal {
struct VisitPart {
  aio::Reactor* reactor = nullptr;
  PartitionSet* set = nullptr;
  std::vector<std::size_t> positions;
};

template <typename Visit>
aio::Task<bool> visit_part(VisitPart& part, const std::vector<PartitionKey>& keys, const Visit& visit) {
  for (const std::size_t i : part.positions) {
    visit(i, part.set->find(keys[i]));
    if (Partition* partition = part.set->find(keys[i])) part.set->start_background_work(*partition);
  }
  co_return true;
}
}  // namespace internal

// Calls visit(i, partition) for each keys[i]; null when it is not here. Calls for different reactors run at
// the same time, so visit() writes only what belongs to i. `keys` and what visit() refers to are the
// caller's.
template <typename Visit>
aio::Task<> visit_partitions(ReplicaManager& replicas, aio::Reactor& home,
                             const std::vector<PartitionKey>& keys, Visit visit) {
  std::vector<internal::VisitPart> parts;
  std::vector<std::size_t> part_of(replicas.reactor_count(), SIZE_MAX);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::size_t owner = replicas.owner(keys[i]);
    if (part_of[owner] == SIZE_MAX) {
      part_of[owner] = parts.size();
      PartitionSet& set = replicas.set(owner);
      parts.push_back({.reactor = &set.reactor(), .set = &set, .positions = {}});
    }
    parts[part_of[owner]].positions.push_back(i);
  }
  const auto run = [&keys, &visit](internal::VisitPart& part) {
    return internal::visit_part(part, keys, visit);
  };
  co_await scatter(home, parts, run);
}

}  // namespace penstock::replication
