// Requests that reach partitions of several reactors.

#include <utility>

#include "broker/replication/replica_manager.h"
#include "broker/replication/scatter.h"
#include "broker/replication/shard.h"

namespace penstock::replication {

namespace {

struct ProducePart {
  aio::Reactor* reactor = nullptr;
  PartitionSet* set = nullptr;
  ProduceBatch batch;
  std::vector<std::size_t> positions;  // Of the items, in the request.
  std::vector<AppendOutcome> outcomes;
};

aio::Task<bool> produce_part(ProducePart& part) {
  part.outcomes = co_await part.set->produce(std::move(part.batch));
  co_return true;
}

struct DeletePart {
  aio::Reactor* reactor = nullptr;
  PartitionSet* set = nullptr;
  base::Duration timeout{};
  std::vector<PartitionSet::Deletion> deletions;
  std::vector<std::size_t> positions;  // Of the deletions, in the request.
  std::vector<Partition::DeleteOutcome> outcomes;
};

aio::Task<bool> delete_part(DeletePart& part) {
  part.outcomes = co_await part.set->delete_records(std::move(part.deletions), part.timeout);
  co_return true;
}

// References are the caller's, which awaits.
aio::Task<AppendOutcome> append_here(PartitionSet& set, const PartitionKey& key, base::Bytes& batch,
                                     base::Duration timeout) {
  AppendOutcome outcome = set.append_internal(key, batch);
  if (outcome.is_ok()) outcome.error = co_await set.wait_committed(key, outcome.end_offset, timeout);
  co_return outcome;
}

}  // namespace

aio::Task<std::vector<AppendOutcome>> ReplicaManager::produce(aio::Reactor& home, ProduceBatch batch) {
  std::vector<AppendOutcome> outcomes(batch.items.size());
  std::vector<ProducePart> parts;
  std::vector<std::size_t> part_of(shards_.size(), SIZE_MAX);
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const std::size_t index = owner(batch.items[i].key);
    if (part_of[index] == SIZE_MAX) {
      part_of[index] = parts.size();
      ProducePart& part = parts.emplace_back();
      part.reactor = shards_[index]->reactor;
      part.set = &shards_[index]->set;
      part.batch.acks = batch.acks;
      part.batch.produce_version = batch.produce_version;
      part.batch.timeout = batch.timeout;
      part.batch.owner = batch.owner;
    }
    parts[part_of[index]].batch.items.push_back(batch.items[i]);
    parts[part_of[index]].positions.push_back(i);
  }
  co_await scatter(home, parts, produce_part);
  for (ProducePart& part : parts) {
    for (std::size_t i = 0; i < part.positions.size(); ++i) {
      outcomes[part.positions[i]] = std::move(part.outcomes[i]);
    }
  }
  co_return outcomes;
}

aio::Task<std::vector<Partition::DeleteOutcome>> ReplicaManager::delete_records(
    aio::Reactor& home, std::vector<PartitionSet::Deletion> deletions, base::Duration timeout) {
  std::vector<Partition::DeleteOutcome> outcomes(deletions.size());
  std::vector<DeletePart> parts;
  std::vector<std::size_t> part_of(shards_.size(), SIZE_MAX);
  for (std::size_t i = 0; i < deletions.size(); ++i) {
    const std::size_t index = owner(deletions[i].key);
    if (part_of[index] == SIZE_MAX) {
      part_of[index] = parts.size();
      parts.push_back({.reactor = shards_[index]->reactor, .set = &shards_[index]->set, .timeout = timeout});
    }
    parts[part_of[index]].deletions.push_back(deletions[i]);
    parts[part_of[index]].positions.push_back(i);
  }
  co_await scatter(home, parts, delete_part);
  for (DeletePart& part : parts) {
    for (std::size_t i = 0; i < part.positions.size(); ++i) outcomes[part.positions[i]] = part.outcomes[i];
  }
  co_return outcomes;
}

aio::Task<AppendOutcome> ReplicaManager::append_and_commit(aio::Reactor& home, PartitionKey key,
                                                           base::Bytes batch, base::Duration timeout) {
  PartitionSet& target = set_of(key);
  co_return co_await aio::call_on(home, target.reactor(),
                                  [&] { return append_here(target, key, batch, timeout); });
}

}  // namespace penstock::replication
