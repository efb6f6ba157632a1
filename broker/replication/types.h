// The values that partitions, their owner and the handlers exchange.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "broker/storage/log_types.h"
#include "kafka/error_codes.h"
#include "kafka/ids.h"
#include "kafka/record_validation.h"
#include "kafka/records_ref.h"

namespace penstock::replication {

// A partition of a topic's incarnation: a topic made again under its old name has another id.
struct PartitionKey {
  base::Uuid topic_id;
  kafka::PartitionId partition;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// Stays the same between runs: which reactor owns a partition is computed from it.
constexpr std::uint64_t stable_hash(const PartitionKey& key) {
  std::uint64_t hash =
      key.topic_id.most_significant ^ (key.topic_id.least_significant * 0x9e3779b97f4a7c15ULL);
  hash ^= hash >> 32;
  return hash + static_cast<std::uint64_t>(key.partition.value());  // Neighbours go to different reactors.
}

// What the metadata image says of a replica on this broker.
struct LocalReplica {
  PartitionKey key;
  std::string topic;
  base::Uuid directory_id;
  std::vector<kafka::NodeId> replicas;
  std::vector<kafka::NodeId> isr;
  kafka::NodeId leader = kafka::kNoNode;
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
  kafka::PartitionEpoch partition_epoch{-1};
};

// What a follower's fetch from `offset` says of it.
struct FollowerFetch {
  kafka::NodeId node = kafka::kNoNode;  // None: a consumer fetches.
  kafka::BrokerEpoch epoch = kafka::kNoBrokerEpoch;
  kafka::Offset offset{0};
  kafka::Offset log_start_offset = kafka::kNoOffset;
};

struct IsrMember {
  kafka::NodeId id;
  kafka::BrokerEpoch epoch = kafka::kNoBrokerEpoch;
  friend bool operator==(const IsrMember&, const IsrMember&) = default;
};

// What a leader asks the controller for. The two epochs tell it from any other proposal of the partition.
struct IsrProposal {
  PartitionKey key;
  std::string name;  // "orders-3"
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
  kafka::PartitionEpoch partition_epoch{-1};
  std::vector<IsrMember> isr;
};

struct IsrAnswer {
  // Which proposal is answered.
  kafka::LeaderEpoch proposed_in = kafka::kNoLeaderEpoch;
  kafka::PartitionEpoch proposed_on{-1};
  kafka::ErrorCode error{};
  // Without an error, what the controller has now.
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
  kafka::PartitionEpoch partition_epoch{-1};
  std::vector<kafka::NodeId> isr;
};

// From where on a follower lacks records.
struct FollowerPosition {
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
  kafka::Offset fetch_offset{0};
  kafka::LeaderEpoch last_epoch = kafka::kNoLeaderEpoch;  // Of the last record that it has.
  kafka::Offset log_start_offset{0};
};

// What a leader answered to a follower's fetch from its position.
struct LeaderData {
  base::ByteSpan records;
  kafka::Offset high_watermark = kafka::kNoOffset;
  kafka::Offset log_start_offset = kafka::kNoOffset;
};

enum class Role : std::uint8_t { kOffline, kFollower, kLeader };

struct AppendRequest {
  // One batch; patched in place (offset, leader epoch, with LogAppendTime also timestamps).
  std::span<std::uint8_t> records;
  std::int16_t acks = -1;
  std::int16_t produce_version = INT16_MAX;
  // A client's batches are validated, a coordinator's are our own.
  storage::AppendOrigin origin = storage::AppendOrigin::kClient;
};

struct AppendOutcome {
  kafka::ErrorCode error{};
  kafka::Offset base_offset = kafka::kNoOffset;
  kafka::Offset end_offset = kafka::kNoOffset;  // Replicated once the high watermark is here.
  std::int64_t log_append_time_ms = kafka::kNoTimestamp;
  kafka::Offset log_start_offset = kafka::kNoOffset;
  std::vector<kafka::RecordError> record_errors;
  std::string message;
  bool is_flush_pending = false;  // flush.messages asks for stable storage before the answer.

  bool is_ok() const { return error == kafka::ErrorCode::kNone; }
};

enum class Isolation : std::int8_t { kReadUncommitted = 0, kReadCommitted = 1, kLogEnd = 2 };

struct ReadRequest {
  kafka::Offset offset;
  std::int32_t bytes_max = 0;
  // The first batch is returned whole even when it is larger than bytes_max.
  bool is_one_batch_guaranteed = false;
  Isolation isolation = Isolation::kReadUncommitted;
  kafka::LeaderEpoch current_leader_epoch = kafka::kNoLeaderEpoch;
  kafka::LeaderEpoch last_fetched_epoch = kafka::kNoLeaderEpoch;
  bool may_block = false;
  bool is_memory_required = false;  // Bytes, never a range of a file.
  bool is_follower_enough = false;  // KIP-392: a replica that only follows may answer too.
};

struct ReadOutcome {
  kafka::ErrorCode error{};
  kafka::Offset high_watermark = kafka::kNoOffset;
  kafka::Offset last_stable_offset = kafka::kNoOffset;
  kafka::Offset log_start_offset = kafka::kNoOffset;
  kafka::NodeId preferred_reader = kafka::kNoNode;   // KIP-392: another replica is nearer.
  std::optional<storage::EpochEndOffset> diverging;  // KIP-320: the reader must truncate.
  std::vector<storage::AbortedTransaction> aborted;  // With kReadCommitted.
  kafka::RecordsRef records;
  // Set when the records are not in memory: run it on the blocking pool, then read again with may_block.
  std::optional<storage::BackgroundJob> warm_up;

  bool is_ok() const { return error == kafka::ErrorCode::kNone; }
};

struct OffsetAnswer {
  kafka::ErrorCode error{};
  std::int64_t timestamp = kafka::kNoTimestamp;
  kafka::Offset offset = kafka::kNoOffset;
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
};

// The special timestamps of ListOffsets.
inline constexpr std::int64_t kLatestTimestamp = -1;
inline constexpr std::int64_t kEarliestTimestamp = -2;
inline constexpr std::int64_t kMaxTimestamp = -3;
inline constexpr std::int64_t kEarliestLocalTimestamp = -4;
inline constexpr std::int64_t kLatestTieredTimestamp = -5;
inline constexpr std::int64_t kEarliestPendingUploadTimestamp = -6;

}  // namespace penstock::replication

template <>
struct std::hash<penstock::replication::PartitionKey> {
  std::size_t operator()(const penstock::replication::PartitionKey& key) const noexcept {
    return penstock::replication::stable_hash(key) * 0x9e3779b97f4a7c15ULL;
  }
};
