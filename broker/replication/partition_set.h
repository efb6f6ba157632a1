// The partitions of one reactor, and what handlers and coordinators do with several of them at once.
//
// Threads: its reactor only; reached from others through ReplicaManager.
// Lifetime: owned by ReplicaManager. stop() answers everybody who waits with NOT_LEADER_OR_FOLLOWER.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/error.h"
#include "broker/replication/partition.h"
#include "broker/replication/types.h"
#include "kafka/compression.h"

namespace penstock::replication {

// One partition's share of a Produce request.
struct ProduceItem {
  PartitionKey key;
  std::span<std::uint8_t> records;  // Patched in place.
};

struct ProduceBatch {
  std::vector<ProduceItem> items;
  std::int16_t acks = -1;
  std::int16_t produce_version = INT16_MAX;
  base::Duration timeout{};
  std::shared_ptr<const void> owner;  // Of the records' bytes.
};

class PartitionSet {
 public:
  explicit PartitionSet(aio::Reactor& reactor) : reactor_(reactor) {}
  ~PartitionSet();
  PartitionSet(const PartitionSet&) = delete;
  PartitionSet& operator=(const PartitionSet&) = delete;

  aio::Reactor& reactor() { return reactor_; }

  // Null when there is none. Not kept across a suspension.
  Partition* find(const PartitionKey& key);
  void add(std::unique_ptr<Partition> partition);
  // Everybody who waits is answered. The log is given back, to be closed or deleted; null when there is none.
  std::unique_ptr<storage::Log> remove(const PartitionKey& key);
  // No background work starts any more; resumes when what runs has ended.
  aio::Task<> stop() { return gate_.close(); }
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [key, partition] : partitions_) visit(*partition);
  }
  std::size_t size() const { return partitions_.size(); }

  // What of DeleteRecords is for this reactor: resumes when every replica in service has followed, or after
  // `timeout` with REQUEST_TIMED_OUT.
  struct Deletion {
    PartitionKey key;
    kafka::Offset before;  // -1: the high watermark.
  };
  aio::Task<std::vector<Partition::DeleteOutcome>> delete_records(std::vector<Deletion> deletions,
                                                                  base::Duration timeout);

  // Appends in the order of the items; with acks=all resumes when all are replicated, failed or timed out.
  aio::Task<std::vector<AppendOutcome>> produce(ProduceBatch batch);

  // A coordinator's batch: appended at once. NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, MESSAGE_TOO_LARGE,
  // KAFKA_STORAGE_ERROR.
  AppendOutcome append_internal(const PartitionKey& key, std::span<std::uint8_t> batch);
  // kNone once the high watermark is at end_offset; REQUEST_TIMED_OUT, NOT_LEADER_OR_FOLLOWER.
  aio::Task<kafka::ErrorCode> wait_committed(PartitionKey key, kafka::Offset end_offset,
                                             base::Duration timeout);
  // Whole batches from `from`, committed or not (a new leader loads all that it has).
  ReadOutcome read_internal(const PartitionKey& key, kafka::Offset from, std::int32_t bytes_max);

  // Starts the disk work that the partition's log has come up with. After appends, retention, truncation.
  void start_background_work(Partition& partition);

  // Null until the first image. Changes of the ISR that follow from new ones are sent.
  void set_peers(PeersPtr peers);
  const PeersPtr& peers() const { return peers_; }
  // Where proposals of led partitions go; without it the ISR stays as the image has it.
  using SendProposal = std::function<void(IsrProposal)>;
  void set_proposal_sender(SendProposal send) { send_proposal_ = std::move(send); }
  void on_follower_fetch(Partition& partition, const FollowerFetch& fetch);
  // Null: nothing is throttled. Outlives this.
  void set_quotas(ReplicationQuotas* quotas) { quotas_ = quotas; }
  ReplicationQuotas* quotas() { return quotas_; }
  void check_isr(Partition& partition);
  void on_isr_answer(const PartitionKey& key, const IsrAnswer& answer);
  // Called with the error of each partition that the disk has failed. Before the first one is added.
  void on_disk_failure(std::function<void(const base::Error&)> call) { disk_failure_ = std::move(call); }
  // Called with each follower's replica whose flush has ended.
  void on_follower_flushed(std::function<void()> call) { follower_flushed_ = std::move(call); }

 private:
  void send_proposal(Partition& partition);
  aio::Task<> run_job(PartitionKey key, storage::BackgroundJob job);
  aio::Task<> run_flushes(PartitionKey key);

  aio::Reactor& reactor_;
  std::unordered_map<PartitionKey, std::unique_ptr<Partition>> partitions_;
  kafka::Decompressor decompressor_;
  PeersPtr peers_;
  SendProposal send_proposal_;
  ReplicationQuotas* quotas_ = nullptr;
  std::function<void()> follower_flushed_;
  std::function<void(const base::Error&)> disk_failure_;
  aio::Gate gate_;
};

}  // namespace penstock::replication
