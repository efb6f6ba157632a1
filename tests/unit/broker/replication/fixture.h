// Partitions on a simulated disk, driven by a seeded scheduler.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "broker/replication/fetch.h"
#include "broker/replication/partition.h"
#include "broker/replication/replica_manager.h"
#include "broker/storage/log.h"
#include "broker/storage/log_directory.h"
#include "kafka/compression.h"
#include "kafka/record_batch_builder.h"
#include "tests/support/sim_disk.h"

namespace penstock::replication::testing {

inline constexpr kafka::NodeId kSelf{1};
inline constexpr std::int64_t kWallMs = 1'700'000'000'000;

// On a SimDisk: no test waits for a real one.
inline const std::string kDataDirectory = "/data";

inline base::Bytes batch_of(int records, kafka::RecordBatchOptions options = {},
                            std::int64_t timestamp = kWallMs) {
  kafka::RecordBatchBuilder builder(options);
  for (int i = 0; i < records; ++i) {
    const std::string value = "value-" + std::to_string(i);
    builder.append(timestamp, std::nullopt, base::as_bytes(value));
  }
  return *builder.build();
}

// What an idempotent producer sends.
inline base::Bytes idempotent_batch(int records, std::int64_t producer, std::int32_t sequence,
                                    std::int16_t epoch = 0) {
  return batch_of(records, {.producer_id = kafka::ProducerId(producer),
                            .producer_epoch = kafka::ProducerEpoch(epoch),
                            .base_sequence = sequence});
}

inline PartitionKey key_of(std::int32_t partition) {
  return {.topic_id = {.most_significant = 7, .least_significant = 11},
          .partition = kafka::PartitionId(partition)};
}

inline LocalReplica replica_of(std::vector<int> replicas, std::vector<int> isr, int leader_epoch = 0,
                               int partition = 0, int leader = 1) {
  LocalReplica replica;
  replica.key = key_of(partition);
  replica.topic = "orders";
  for (const int id : replicas) replica.replicas.emplace_back(id);
  for (const int id : isr) replica.isr.emplace_back(id);
  replica.leader = kafka::NodeId(leader);
  replica.leader_epoch = kafka::LeaderEpoch(leader_epoch);
  replica.partition_epoch = kafka::PartitionEpoch(leader_epoch);
  return replica;
}

// Brokers in service; the epoch of each is ten times its id.
inline kafka::BrokerEpoch epoch_of(int id) { return kafka::BrokerEpoch(10 * id); }
inline PeersPtr peers_of(const std::vector<int>& active, const std::vector<int>& fenced = {}) {
  auto peers = std::make_shared<Peers>();
  peers->self_epoch = epoch_of(kSelf.value());
  for (const int id : active) peers->brokers[kafka::NodeId(id)] = {.epoch = epoch_of(id), .is_active = true};
  for (const int id : fenced) peers->brokers[kafka::NodeId(id)] = {.epoch = epoch_of(id), .is_active = false};
  return peers;
}

inline FollowerFetch fetch_of(int id, std::int64_t offset) {
  return {.node = kafka::NodeId(id), .epoch = epoch_of(id), .offset = kafka::Offset(offset)};
}

// Runs a task on a reactor until it ends, at most for the given simulated time.
template <typename T>
class Running {
 public:
  Running(aio::SimReactor& reactor, aio::Task<T> task) : task_(std::move(task)) {
    reactor.post([this] { aio::start_detached(drive(*this)); });
  }
  bool is_done() const { return value_.has_value(); }
  T& value() { return *value_; }

 private:
  static aio::Task<> drive(Running& self) { self.value_.emplace(co_await std::move(self.task_)); }
  aio::Task<T> task_;
  std::optional<T> value_;
};

inline aio::Task<bool> finish(aio::Task<> task) {
  co_await std::move(task);
  co_return true;
}

}  // namespace penstock::replication::testing
