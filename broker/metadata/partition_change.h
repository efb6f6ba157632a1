// What a partition becomes when its in-sync replicas, its assignment or the brokers around it change: who
// leads, who is in sync, who else holds everything that is committed (KIP-966), and whether a reassignment is
// done.
//
// Threads: pure functions.
// Source: KIP-455 (reassignment), KIP-704 (leader recovery), KIP-966 (eligible leader replicas); behaves as
// Apache Kafka 4.3's controller does, and besides keeps brokers that are no replicas out of the ELR.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/uuid.h"
#include "broker/metadata/image.h"
#include "kafka/messages/partition_change_record.h"

namespace penstock::metadata {

// In place of a replica's directory (KIP-858).
inline constexpr base::Uuid kUnassigned{0, 0};
inline constexpr base::Uuid kLost{0, 1};
inline constexpr base::Uuid kMigrating{0, 2};

enum class Election {
  kOnline,     // Keeps a leader that may lead, else takes the first replica that may.
  kPreferred,  // The first replica leads if it may.
  kUnclean,    // As kOnline; when nobody may lead, any live replica does, losing records.
};

inline constexpr std::int8_t kRecovered = 0;
inline constexpr std::int8_t kRecovering = 1;  // Elected although it may lack committed records.

// The change that is wanted. What the constructor sets leaves the partition as it is.
struct PartitionChange {
  // `from` outlives this.
  PartitionChange(const base::Uuid& topic, std::int32_t index, const Partition& from);

  base::Uuid topic_id;
  std::int32_t partition_index;
  const Partition& partition;

  std::vector<std::int32_t> isr;
  std::vector<std::int32_t> replicas;
  std::vector<std::int32_t> removing;
  std::vector<std::int32_t> adding;
  std::int8_t recovery_state;
  std::map<std::int32_t, base::Uuid> directories{};  // Of replicas whose directory changes or is new.
  std::optional<std::int32_t> lossy_broker{};        // Came back without its tail: no longer eligible.

  Election election = Election::kOnline;
  bool is_elr_enabled = false;
  std::int32_t min_isr = 1;  // min.insync.replicas of the topic; at most the replicas that there are count.
  std::function<bool(std::int32_t)> may_lead{};
};

// The record that makes it so; empty when it would change nothing.
std::optional<kafka::PartitionChangeRecord> build_change(PartitionChange change);

}  // namespace penstock::metadata
