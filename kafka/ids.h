// The numbers of the protocol that must not be mixed up.
//
// Threads: values.
#pragma once

#include <cstdint>

#include <fmt/core.h>

#include "base/strong_id.h"

namespace penstock::kafka {

using NodeId = base::StrongId<struct NodeIdTag, std::int32_t>;
using PartitionId = base::StrongId<struct PartitionIdTag, std::int32_t>;  // The index within its topic.
using Offset = base::StrongId<struct OffsetTag, std::int64_t>;
using LeaderEpoch = base::StrongId<struct LeaderEpochTag, std::int32_t>;
using PartitionEpoch = base::StrongId<struct PartitionEpochTag, std::int32_t>;
using BrokerEpoch = base::StrongId<struct BrokerEpochTag, std::int64_t>;
using ProducerId = base::StrongId<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = base::StrongId<struct ProducerEpochTag, std::int16_t>;
using CorrelationId = base::StrongId<struct CorrelationIdTag, std::int32_t>;
using GroupGeneration = base::StrongId<struct GroupGenerationTag, std::int32_t>;

// What the protocol sends for "none".
inline constexpr NodeId kNoNode{-1};
inline constexpr Offset kNoOffset{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr BrokerEpoch kNoBrokerEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr std::int32_t kNoSequence = -1;
inline constexpr std::int64_t kNoTimestamp = -1;

}  // namespace penstock::kafka

// Ids print as their number: fmt::format("{}", offset).
template <typename Tag, typename Rep>
struct fmt::formatter<penstock::base::StrongId<Tag, Rep>> : fmt::formatter<Rep> {
  template <typename Context>
  auto format(penstock::base::StrongId<Tag, Rep> id, Context& context) const {
    return fmt::formatter<Rep>::format(id.value(), context);
  }
};
