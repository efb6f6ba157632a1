#include "broker/replication/partition_set.h"

#include <utility>

#include "base/aio/sleep.h"
#include "broker/replication/commit_wait.h"

namespace penstock::replication {

using kafka::ErrorCode;

PartitionSet::~PartitionSet() = default;

Partition* PartitionSet::find(const PartitionKey& key) {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second.get();
}

void PartitionSet::add(std::unique_ptr<Partition> partition) {
  const PartitionKey key = partition->key();
  partition->set_peers(peers_, reactor_.now());
  partition->set_failure_listener(disk_failure_);
  const bool is_new = partitions_.emplace(key, std::move(partition)).second;
  BASE_ASSERT(is_new, "a partition is added twice");
}

std::unique_ptr<storage::Log> PartitionSet::remove(const PartitionKey& key) {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return nullptr;
  const std::unique_ptr<Partition> partition = std::move(found->second);
  partitions_.erase(found);
  return partition->release_log();
}

aio::Task<std::vector<AppendOutcome>> PartitionSet::produce(ProduceBatch batch) {
  std::vector<AppendOutcome> outcomes;
  outcomes.reserve(batch.items.size());
  CommitWaits waits(reactor_);
  for (const ProduceItem& item : batch.items) {
    AppendOutcome& outcome = outcomes.emplace_back();
    Partition* partition = find(item.key);
    if (partition == nullptr) {
      outcome.error = ErrorCode::kNotLeaderOrFollower;
      continue;
    }
    const AppendRequest request{
        .records = item.records, .acks = batch.acks, .produce_version = batch.produce_version};
    outcome = partition->append(request, decompressor_, reactor_.now(), reactor_.wall_ms());
    if (!outcome.is_ok()) continue;
    if (batch.acks == -1) {
      waits.add_commit(*partition, outcome);
    } else if (batch.acks != 0 && outcome.is_flush_pending) {
      waits.add_flush(*partition, outcome);
    }
    start_background_work(*partition);
  }
  co_await waits.wait(batch.timeout);
  co_return outcomes;
}

aio::Task<std::vector<Partition::DeleteOutcome>> PartitionSet::delete_records(std::vector<Deletion> deletions,
                                                                              base::Duration timeout) {
  std::vector<Partition::DeleteOutcome> outcomes(deletions.size());
  std::vector<AppendOutcome> waited(deletions.size());
  CommitWaits waits(reactor_);
  for (std::size_t i = 0; i < deletions.size(); ++i) {
    outcomes[i].error = ErrorCode::kNotLeaderOrFollower;
    Partition* partition = find(deletions[i].key);
    if (partition == nullptr) continue;
    outcomes[i] = partition->delete_records(deletions[i].before);
    if (outcomes[i].error != ErrorCode::kNone) continue;
    waited[i].end_offset = partition->log_start_offset();
    waits.add_low_watermark(*partition, waited[i]);
    start_background_work(*partition);
  }
  co_await waits.wait(timeout);
  for (std::size_t i = 0; i < deletions.size(); ++i) {
    if (outcomes[i].error != ErrorCode::kNone) continue;
    outcomes[i].error = waited[i].error;
    const Partition* partition = find(deletions[i].key);
    if (waited[i].is_ok() && partition != nullptr) outcomes[i].low_watermark = partition->low_watermark();
  }
  co_return outcomes;
}

AppendOutcome PartitionSet::append_internal(const PartitionKey& key, std::span<std::uint8_t> batch) {
  AppendOutcome outcome;
  Partition* partition = find(key);
  if (partition == nullptr) {
    outcome.error = ErrorCode::kNotLeaderOrFollower;
    return outcome;
  }
  const AppendRequest request{.records = batch, .origin = storage::AppendOrigin::kCoordinator};
  outcome = partition->append(request, decompressor_, reactor_.now(), reactor_.wall_ms());
  if (outcome.is_ok()) start_background_work(*partition);
  return outcome;
}

aio::Task<ErrorCode> PartitionSet::wait_committed(PartitionKey key, kafka::Offset end_offset,
                                                  base::Duration timeout) {
  Partition* partition = find(key);
  if (partition == nullptr || partition->role() != Role::kLeader) co_return ErrorCode::kNotLeaderOrFollower;
  AppendOutcome outcome;
  outcome.end_offset = end_offset;
  CommitWaits waits(reactor_);
  waits.add_commit(*partition, outcome);
  co_await waits.wait(timeout);
  co_return outcome.error;
}

ReadOutcome PartitionSet::read_internal(const PartitionKey& key, kafka::Offset from, std::int32_t bytes_max) {
  Partition* partition = find(key);
  if (partition == nullptr) {
    ReadOutcome outcome;
    outcome.error = ErrorCode::kNotLeaderOrFollower;
    return outcome;
  }
  return partition->read({.offset = from,
                          .bytes_max = bytes_max,
                          .is_one_batch_guaranteed = true,
                          .isolation = Isolation::kLogEnd,
                          .may_block = true,
                          .is_memory_required = true});
}

void PartitionSet::start_background_work(Partition& partition) {
  for (storage::BackgroundJob& job : partition.log().take_jobs()) {
    aio::spawn(gate_, "log job", run_job(partition.key(), std::move(job)));
  }
  if (partition.is_flush_wanted()) aio::spawn(gate_, "flush", run_flushes(partition.key()));
}

aio::Task<> PartitionSet::run_job(PartitionKey key, storage::BackgroundJob job) {
  const base::Result<> outcome = co_await aio::run_blocking(reactor_, [&job] { return job.run(); });
  if (outcome) co_return;
  if (Partition* partition = find(key)) partition->fail(outcome.error().context(job.what));
}

// Group commit: one flush at a time, which covers everything appended before it began.
aio::Task<> PartitionSet::run_flushes(PartitionKey key) {
  for (Partition* partition = find(key); partition != nullptr && partition->is_flush_wanted();
       partition = find(key)) {
    storage::FlushJob job = partition->begin_flush();
    const base::Result<> outcome = co_await aio::run_blocking(reactor_, [&job] { return job.run(); });
    partition = find(key);
    if (partition == nullptr) co_return;
    partition->end_flush(job, outcome, reactor_.now(), reactor_.wall_ms());
    if (partition->role() == Role::kFollower && follower_flushed_) follower_flushed_();
  }
}

void PartitionSet::set_peers(PeersPtr peers) {
  peers_ = std::move(peers);
  for (auto& [key, partition] : partitions_) partition->set_peers(peers_, reactor_.now());
}

void PartitionSet::send_proposal(Partition& partition) {
  if (!send_proposal_) return;
  if (auto proposal = partition.take_isr_proposal()) send_proposal_(std::move(*proposal));
}

void PartitionSet::on_follower_fetch(Partition& partition, const FollowerFetch& fetch) {
  partition.on_follower_fetch(fetch, reactor_.now());
  send_proposal(partition);
}

void PartitionSet::check_isr(Partition& partition) {
  partition.check_isr(reactor_.now());
  send_proposal(partition);
}

void PartitionSet::on_isr_answer(const PartitionKey& key, const IsrAnswer& answer) {
  Partition* partition = find(key);
  if (partition == nullptr) return;
  partition->on_isr_answer(answer, reactor_.now());
  send_proposal(*partition);
}

}  // namespace penstock::replication
