#include "broker/replication/replica_manager.h"

#include <algorithm>
#include <utility>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/replication/scatter.h"
#include "broker/replication/shard.h"
#include "broker/storage/tail_cache.h"

namespace penstock::replication {

namespace {

constexpr base::Logger log("replication");

// How many logs are opened at the same time.
constexpr std::size_t kOpenersMax = 4;

// The hosted partition gets the role that the image gives it.
void assume_role(Partition& partition, const LocalReplica& replica, kafka::NodeId self, base::MonoTime now) {
  if (replica.leader == self) {
    partition.become_leader(replica, now);
    return;
  }
  partition.follow(replica);
}

// What lies in this log's files cannot be read; the disk below and the other logs may be well.
bool is_of_this_log(const base::Error& error) {
  return error.code() == base::Errc::kCorrupt || error.code() == base::Errc::kUnsupported;
}

void report_recovery(const std::string& name, const storage::RecoveryReport& report) {
  if (report.reason.empty()) return;
  log.warn("{}: {} bytes were dropped at {}:{}: {}{}", name, report.dropped_bytes, report.bad_file,
           report.bad_position, report.reason, report.is_mid_log ? " (whole batches lie behind it)" : "");
}

}  // namespace

struct ReplicaManager::HostQueue {
  std::vector<LocalChanges::Hosted> hosted;
  std::size_t next = 0;
  internal::Countdown workers;
};

ReplicaManager::ReplicaManager(kafka::NodeId self, const ReplicationConfig& config,
                               std::vector<aio::Reactor*> reactors, storage::LogDirectory& logs)
    : self_(self),
      config_(config),
      logs_(logs),
      tail_cache_budget_(std::make_shared<storage::TailCacheBudget>(config.tail_cache_bytes_max())) {
  BASE_ASSERT(!reactors.empty(), "replicas need a reactor");
  set_throttled_rates(config.leader_throttled_rate(), config.follower_throttled_rate());
  for (aio::Reactor* reactor : reactors) {
    shards_.push_back(std::make_unique<Shard>(*reactor));
    shards_.back()->set.set_quotas(&quotas_);
    shards_.back()->set.on_disk_failure([this](const base::Error& error) { fail(error); });
  }
}

ReplicaManager::~ReplicaManager() = default;

void ReplicaManager::fail(const base::Error& error) {
  if (!has_failed_.exchange(true))
    log.error("the log directory {} has failed: {}", logs_.path(), error.what());
}

PartitionSet& ReplicaManager::set(std::size_t owner) { return shards_[owner]->set; }

void ReplicaManager::connect(aio::Reactor& home, ReplicaLinks links) {
  BASE_ASSERT(links.transports.size() == shards_.size(), "each reactor has its transport");
  isr_mailbox_ = std::make_shared<IsrMailbox>(home, self_, std::move(links.controller));
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = *shards_[i];
    shard.fetchers =
        std::make_unique<ReplicaFetchers>(self_, config_, shard.set, *links.transports[i], shard.gate);
    shard.set.on_follower_flushed([&shard] { shard.fetchers->wake(); });
    shard.set.set_proposal_sender([mailbox = isr_mailbox_, &shard](IsrProposal proposal) {
      mailbox->submit(std::move(proposal), shard.set);
    });
  }
}

aio::Task<> ReplicaManager::set_peers(aio::Reactor& home, PeersPtr peers) {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto set = [&] {
      shard->set.set_peers(peers);
      if (shard->fetchers) shard->fetchers->wake();
      return true;
    };
    co_await aio::run_on(home, *shard->reactor, std::move(set));
  }
}

aio::Task<> ReplicaManager::apply(aio::Reactor& home, LocalChanges changes) {
  if (const auto running = checkpointing_) co_await running->wait();
  // First: whom a partition is fetched from, and who may join its ISR.
  if (changes.peers != nullptr) co_await set_peers(home, std::move(changes.peers));
  for (const PartitionKey& key : changes.removed) co_await remove(home, key);
  co_await host_all(home, std::move(changes.hosted));
  if (!changes.configured.empty()) co_await configure(home, std::move(changes.configured));
}

aio::Task<> ReplicaManager::host_all(aio::Reactor& home, std::vector<LocalChanges::Hosted> hosted) {
  if (hosted.empty()) co_return;
  const std::size_t workers = std::min(hosted.size(), kOpenersMax);
  HostQueue queue{.hosted = std::move(hosted), .workers = {.left = workers, .done = {}}};
  for (std::size_t i = 0; i < workers; ++i) aio::start_detached(host_from(home, queue));
  co_await queue.workers.done.wait();
}

aio::Task<> ReplicaManager::host_from(aio::Reactor& home, HostQueue& queue) {
  while (queue.next < queue.hosted.size()) {
    const std::size_t mine = queue.next++;
    co_await host(home, std::move(queue.hosted[mine]));
  }
  if (--queue.workers.left == 0) queue.workers.done.set(true);
}

aio::Task<> ReplicaManager::host(aio::Reactor& home, LocalChanges::Hosted hosted) {
  const PartitionKey key = hosted.replica.key;
  Shard& shard = shard_of(key);
  const storage::TopicPartition name{.topic = hosted.replica.topic, .partition = key.partition};
  std::unique_ptr<Partition> created;
  if (!hosted_.contains(key)) {
    auto opened = co_await open_log(home, hosted);
    if (!opened) {
      log.error("{} is offline: {}", name.to_string(), opened.error().what());
      has_unopened_log_ = true;
      if (!is_of_this_log(opened.error())) fail(opened.error());
      co_return;
    }
    report_recovery(name.to_string(), (*opened)->recovery());
    created = std::make_unique<Partition>(key, name.to_string(), self_, std::move(*opened),
                                          hosted.settings.partition);
    hosted_.emplace(key, name);
    on_disk_[name] = key.topic_id;
  }
  auto install = [&] {
    if (created) shard.set.add(std::move(created));
    Partition* partition = shard.set.find(key);
    if (partition == nullptr) return false;
    assume_role(*partition, hosted.replica, self_, shard.reactor->now());
    if (shard.fetchers) shard.fetchers->update(*partition, name.topic);
    shard.set.start_background_work(*partition);
    return true;
  };
  co_await aio::run_on(home, *shard.reactor, std::move(install));
}

aio::Task<base::Result<std::unique_ptr<storage::Log>>> ReplicaManager::open_log(
    aio::Reactor& home, const LocalChanges::Hosted& hosted) {
  const storage::TopicPartition name{.topic = hosted.replica.topic,
                                     .partition = hosted.replica.key.partition};
  const base::Uuid topic_id = hosted.replica.key.topic_id;
  storage::LogOptions options;
  options.config = hosted.settings.log;
  options.producer_id_expiration_ms = config_.producer_id_expiration_ms();
  options.tail_cache_budget = tail_cache_budget_;
  const auto known = on_disk_.find(name);
  const bool is_on_disk = known != on_disk_.end();
  const std::optional<base::Uuid> id_on_disk = is_on_disk ? known->second : std::nullopt;
  auto open = [&]() -> base::Result<std::unique_ptr<storage::Log>> {
    if (is_on_disk && (!id_on_disk || *id_on_disk == topic_id)) {
      return logs_.open_log(name, std::move(options));
    }
    if (is_on_disk) {
      // The topic was deleted and made again while this broker was away.
      TRY_ASSIGN(storage::BackgroundJob removal, logs_.delete_log(name, *id_on_disk));
      TRY(removal.run());
    }
    return logs_.create_log(name, topic_id, std::move(options));
  };
  co_return co_await aio::run_blocking(home, std::move(open));
}

aio::Task<> ReplicaManager::remove(aio::Reactor& home, PartitionKey key) {
  const auto hosted = hosted_.find(key);
  if (hosted == hosted_.end()) co_return;
  const storage::TopicPartition name = hosted->second;
  hosted_.erase(hosted);
  Shard& shard = shard_of(key);
  auto take = [&] {
    if (shard.fetchers) shard.fetchers->remove(key);
    return shard.set.remove(key);
  };
  std::unique_ptr<storage::Log> dropped = co_await aio::run_on(home, *shard.reactor, std::move(take));
  auto erase = [&]() -> base::Result<storage::BackgroundJob> {
    auto removal = logs_.delete_log(name, key.topic_id);
    dropped.reset();
    return removal;
  };
  auto removal = co_await aio::run_blocking(home, std::move(erase));
  if (!removal) {
    log.error("{} was deleted, but its directory stays: {}", name.to_string(), removal.error().what());
    co_return;
  }
  on_disk_.erase(name);
  log.info("{} was deleted", name.to_string());
  aio::spawn(gate_, "remove log", remove_files(home, std::move(*removal)));
}

aio::Task<> ReplicaManager::remove_files(aio::Reactor& home, storage::BackgroundJob removal) {
  // Left over when it fails: the next start finds it by its name.
  const base::Result<> removed = co_await aio::run_blocking(home, [&removal] { return removal.run(); });
  if (!removed) log.warn("{}: {}", removal.what, removed.error().what());
}

aio::Task<> ReplicaManager::configure(aio::Reactor& home, std::vector<LocalChanges::Configured> configured) {
  std::map<base::Uuid, const TopicSettings*> by_topic;
  for (const auto& change : configured) by_topic[change.topic_id] = &change.settings;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto update = [&] {
      shard->set.for_each([&](Partition& partition) {
        const auto found = by_topic.find(partition.key().topic_id);
        if (found == by_topic.end()) return;
        partition.log().set_config(found->second->log);
        partition.set_config(found->second->partition);
      });
      return true;
    };
    co_await aio::run_on(home, *shard->reactor, std::move(update));
  }
}

}  // namespace penstock::replication
