// Start, stop and what is done now and then: retention, flushes, checkpoints, expiry of producer ids.

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>  // Ids in log lines.

#include "base/aio/cross_reactor.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/replication/replica_manager.h"
#include "broker/replication/shard.h"

namespace penstock::replication {

namespace {

constexpr base::Logger log("replication");

// Kafka's way of saying never.
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

void drop_old_segments(Partition& partition, PartitionSet& set) {
  const auto dropped = partition.apply_retention(set.reactor().wall_ms());
  if (!dropped) {
    partition.fail(dropped.error());
  } else if (*dropped > 0) {
    log.info("{}: {} old segments were dropped; the log begins at {}", partition.name(), *dropped,
             partition.log_start_offset());
  }
}

void expire_producers(Partition& partition, PartitionSet& set) {
  partition.log().expire_producers(set.reactor().wall_ms());
}

void flush_if_due(Partition& partition, PartitionSet& set) {
  partition.want_flush_if_due(set.reactor().wall_ms());
}

void check_isr(Partition& partition, PartitionSet& set) { set.check_isr(partition); }

}  // namespace

aio::Task<base::Result<>> ReplicaManager::start(aio::Reactor& home) {
  auto scan = [this] { return logs_.partitions(); };
  auto found = co_await aio::run_blocking(home, std::move(scan));
  if (!found) co_return base::fail(found.error());
  for (const storage::PartitionDirectory& directory : *found) {
    on_disk_[directory.partition] = directory.topic_id;
  }
  auto look = [this] { return logs_.deleted_leftovers(); };
  auto leftovers = co_await aio::run_blocking(home, std::move(look));
  if (!leftovers) co_return base::fail(leftovers.error());
  for (storage::BackgroundJob& removal : *leftovers) {
    aio::spawn(gate_, "remove leftover", remove_files(home, std::move(removal)));
  }
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto begin = [this, &shard] {
      const auto ms = [](std::int64_t n) { return base::Duration(base::milliseconds(n)); };
      aio::spawn(shard->gate, "retention",
                 run_upkeep(*shard, ms(config_.retention_check_interval_ms()), drop_old_segments));
      aio::spawn(
          shard->gate, "producer expiry",
          run_upkeep(*shard, ms(config_.producer_id_expiration_check_interval_ms()), expire_producers));
      // As in Kafka: who lags is out after one and a half times the limit at the latest.
      aio::spawn(shard->gate, "isr check",
                 run_upkeep(*shard, ms(std::max<std::int64_t>(config_.replica_lag_time_max_ms() / 2, 1)),
                            check_isr));
      if (const std::int64_t interval = config_.flush_scheduler_interval_ms(); interval != kNever) {
        aio::spawn(shard->gate, "flush scheduler", run_upkeep(*shard, ms(interval), flush_if_due));
      }
      return true;
    };
    co_await aio::run_on(home, *shard->reactor, std::move(begin));
  }
  aio::spawn(gate_, "checkpoints", run_checkpoints(home));
  co_return base::Result<>{};
}

aio::Task<> ReplicaManager::run_upkeep(Shard& shard, base::Duration interval, Upkeep upkeep) {
  while (co_await aio::sleep_for(*shard.reactor, interval, shard.stopping.token())) {
    std::vector<PartitionKey> keys;
    shard.set.for_each([&](Partition& partition) { keys.push_back(partition.key()); });
    for (const PartitionKey& key : keys) {
      if (shard.stopping.is_cancelled()) co_return;
      if (Partition* partition = shard.set.find(key)) {
        upkeep(*partition, shard.set);
        shard.set.start_background_work(*partition);
      }
      co_await aio::yield(*shard.reactor);  // Requests go first.
    }
  }
}

aio::Task<ReplicaManager::Offsets> ReplicaManager::collect_offsets(aio::Reactor& home) {
  Offsets offsets;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto collect = [&] {
      shard->set.for_each([&](Partition& partition) {
        const storage::Log& of = partition.log();
        offsets[topic_partition_of(partition)] = {.recovery_point = of.recovery_point(),
                                                  .high_watermark = of.high_watermark(),
                                                  .log_start_offset = of.log_start_offset()};
      });
      return true;
    };
    co_await aio::run_on(home, *shard->reactor, std::move(collect));
  }
  co_return offsets;
}

aio::Task<> ReplicaManager::run_checkpoints(aio::Reactor& home) {
  const base::Duration interval = base::milliseconds(config_.high_watermark_checkpoint_interval_ms());
  Offsets written;
  while (co_await aio::sleep_for(home, interval, stopping_.token())) {
    const aio::Completion<bool> over = checkpointing_.emplace();
    co_await write_checkpoints(home, written);
    checkpointing_.reset();
    over.set(true);
  }
}

aio::Task<> ReplicaManager::write_checkpoints(aio::Reactor& home, Offsets& written) {
  Offsets offsets = co_await collect_offsets(home);
  if (offsets == written) co_return;
  const base::Result<> done =
      co_await aio::run_blocking(home, [this, &offsets] { return logs_.checkpoint(offsets); });
  if (done) {
    written = std::move(offsets);
  } else {
    fail(done.error().context("write checkpoints"));
  }
}

aio::Task<base::Result<>> ReplicaManager::stop(aio::Reactor& home, kafka::BrokerEpoch broker_epoch) {
  stopping_.cancel();
  if (isr_mailbox_) isr_mailbox_->stop();
  co_await gate_.close();
  Offsets offsets;
  base::Result<> outcome;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto closed = co_await aio::call_on(home, *shard->reactor, [&] { return close_logs(*shard); });
    if (closed) {
      offsets.merge(*closed);
    } else {
      outcome = base::fail(closed.error());
    }
  }
  hosted_.clear();
  if (!outcome) co_return outcome;
  auto finish = [&]() -> base::Result<> {
    TRY(logs_.checkpoint(offsets));
    if (has_failed_ || has_unopened_log_ || broker_epoch == kafka::kNoBrokerEpoch) return {};
    return logs_.shut_down_cleanly(broker_epoch);
  };
  co_return co_await aio::run_blocking(home, std::move(finish));
}

// On the shard's reactor. Every log is closed, also after one has failed to.
aio::Task<base::Result<ReplicaManager::Offsets>> ReplicaManager::close_logs(Shard& shard) {
  shard.stopping.cancel();
  if (shard.fetchers) shard.fetchers->stop();
  co_await shard.gate.close();
  co_await shard.set.stop();
  std::vector<std::pair<PartitionKey, storage::TopicPartition>> names;
  shard.set.for_each(
      [&](Partition& partition) { names.emplace_back(partition.key(), topic_partition_of(partition)); });
  Offsets offsets;
  base::Result<> outcome;
  for (const auto& [key, name] : names) {
    const std::unique_ptr<storage::Log> closing = shard.set.remove(key);
    const base::Result<> closed =
        co_await aio::run_blocking(*shard.reactor, [&closing] { return closing->close(); });
    if (!closed) outcome = base::fail(closed.error().context(name.to_string()));
    offsets[name] = {.recovery_point = closing->recovery_point(),
                     .high_watermark = closing->high_watermark(),
                     .log_start_offset = closing->log_start_offset()};
  }
  if (!outcome) co_return base::fail(outcome.error());
  co_return offsets;
}

}  // namespace penstock::replication
