// The replicas of this broker, spread over the reactors.
//
// A partition belongs to the reactor that stable_hash() names; the map is never written down. Who needs a
// partition of another reactor sends one message per reactor and request, with everything in it.
//
// Threads: owner() and set() from any thread; a PartitionSet is touched only on its reactor; start, apply and
// stop on the reactor given as `home`, one at a time.
// Lifetime: stop() before destruction. Reactors, disk and log directory outlive it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "broker/replication/config.h"
#include "broker/replication/isr_mailbox.h"
#include "broker/replication/partition_set.h"
#include "broker/replication/types.h"
#include "broker/storage/log_config.h"
#include "broker/storage/log_directory.h"

namespace penstock::storage {
class TailCacheBudget;
}

namespace penstock::replication {

// A topic's configuration, as the image resolves it.
struct TopicSettings {
  storage::LogConfig log;
  PartitionConfig partition;
};

// What a new image changes for this broker.
struct LocalChanges {
  PeersPtr peers;  // Null: as before.
  struct Hosted {
    LocalReplica replica;
    TopicSettings settings;
  };
  std::vector<Hosted> hosted;         // New here, or with another leader, epoch, ISR or replica list.
  std::vector<PartitionKey> removed;  // Deleted, or no longer assigned here: the log goes too.
  struct Configured {
    base::Uuid topic_id;
    TopicSettings settings;
  };
  std::vector<Configured> configured;
};

// What replication needs of the world outside. Everything outlives the ReplicaManager.
struct ReplicaLinks {
  std::vector<aio::Transport*> transports;  // One per reactor, in their order.
  ControllerLink controller;                // Called on `home`.
};

class ReplicaManager {
 public:
  ReplicaManager(kafka::NodeId self, const ReplicationConfig& config, std::vector<aio::Reactor*> reactors,
                 storage::LogDirectory& logs);
  ~ReplicaManager();
  ReplicaManager(const ReplicaManager&) = delete;
  ReplicaManager& operator=(const ReplicaManager&) = delete;

  kafka::NodeId self() const { return self_; }
  const ReplicationConfig& config() const { return config_; }
  const storage::LogDirectory& logs() const { return logs_; }
  std::size_t reactor_count() const { return shards_.size(); }
  std::size_t owner(const PartitionKey& key) const { return stable_hash(key) % shards_.size(); }
  // Touched only on its reactor.
  PartitionSet& set(std::size_t owner);
  PartitionSet& set_of(const PartitionKey& key) { return set(owner(key)); }

  // From now on followers fetch and leaders change their ISR. Before start(); without it every replica stays
  // as it is.
  void connect(aio::Reactor& home, ReplicaLinks links);
  // Looks at what is on disk and starts the periodic work. ERRORS: those of LogDirectory::partitions().
  aio::Task<base::Result<>> start(aio::Reactor& home);
  // Makes the replicas what the image says. A replica whose log cannot be opened goes offline and is named in
  // the log; the others go on. When it resumes, every partition led here takes requests.
  aio::Task<> apply(aio::Reactor& home, LocalChanges changes);
  // Whether the disk has failed a replica, or the directory itself. It is the only one, so the broker is to
  // end, as Kafka's does with its last one: others can lead what it leads, and nothing that it still says of
  // its logs can be trusted. Any thread.
  bool has_failed() const { return has_failed_; }
  // Stops periodic work, answers who waits, flushes and closes every log and writes the checkpoints. Also the
  // clean-shutdown file, unless the disk failed, a log could not be opened or `broker_epoch` is none: then
  // the broker never got so far as to open its logs.
  aio::Task<base::Result<>> stop(aio::Reactor& home, kafka::BrokerEpoch broker_epoch);

  // --- From any reactor, which is `home` -----------------------------------------------------------------
  // An outcome per item, in their order. With acks=all it resumes when all are replicated, failed or timed
  // out.
  aio::Task<std::vector<AppendOutcome>> produce(aio::Reactor& home, ProduceBatch batch);
  // Appends a coordinator's batch and waits until it is committed.
  aio::Task<AppendOutcome> append_and_commit(aio::Reactor& home, PartitionKey key, base::Bytes batch,
                                             base::Duration timeout);
  // Moves the beginnings; an outcome per deletion, in their order.
  aio::Task<std::vector<Partition::DeleteOutcome>> delete_records(
      aio::Reactor& home, std::vector<PartitionSet::Deletion> deletions, base::Duration timeout);
  // Fetches: see fetch.h.

  // The rates of throttled replicas, in bytes per second. From any thread.
  void set_throttled_rates(std::int64_t leader, std::int64_t follower) {
    quotas_.leader.set_rate(leader);
    quotas_.follower.set_rate(follower);
  }

 private:
  struct Shard;
  using Offsets = std::map<storage::TopicPartition, storage::PartitionOffsets>;

  Shard& shard_of(const PartitionKey& key) { return *shards_[owner(key)]; }
  // Opening, one worker of several over the same list.
  struct HostQueue;
  aio::Task<> host_all(aio::Reactor& home, std::vector<LocalChanges::Hosted> hosted);
  aio::Task<> host_from(aio::Reactor& home, HostQueue& queue);
  aio::Task<> host(aio::Reactor& home, LocalChanges::Hosted hosted);
  aio::Task<base::Result<std::unique_ptr<storage::Log>>> open_log(aio::Reactor& home,
                                                                  const LocalChanges::Hosted& hosted);
  aio::Task<> remove(aio::Reactor& home, PartitionKey key);
  aio::Task<> remove_files(aio::Reactor& home, storage::BackgroundJob removal);
  aio::Task<> configure(aio::Reactor& home, std::vector<LocalChanges::Configured> configured);
  aio::Task<> set_peers(aio::Reactor& home, PeersPtr peers);

  void fail(const base::Error& error);

  // Periodic work.
  using Upkeep = void (*)(Partition&, PartitionSet&);
  aio::Task<> run_upkeep(Shard& shard, base::Duration interval, Upkeep upkeep);
  aio::Task<> run_checkpoints(aio::Reactor& home);
  aio::Task<> write_checkpoints(aio::Reactor& home, Offsets& written);
  aio::Task<Offsets> collect_offsets(aio::Reactor& home);
  aio::Task<base::Result<Offsets>> close_logs(Shard& shard);

  const kafka::NodeId self_;
  const ReplicationConfig& config_;
  storage::LogDirectory& logs_;
  std::shared_ptr<storage::TailCacheBudget> tail_cache_budget_;
  ReplicationQuotas quotas_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::shared_ptr<IsrMailbox> isr_mailbox_;  // Null unless connected.
  // On `home`: what lies on disk, by name, with the topic's id where it is known; and what is hosted.
  std::map<storage::TopicPartition, std::optional<base::Uuid>> on_disk_;
  std::map<PartitionKey, storage::TopicPartition> hosted_;
  std::atomic<bool> has_failed_ = false;
  bool has_unopened_log_ = false;  // The next start has to recover it.
  // Set while checkpoints are collected and written: a topic that is made anew must not find its old offsets.
  std::optional<aio::Completion<bool>> checkpointing_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::replication
