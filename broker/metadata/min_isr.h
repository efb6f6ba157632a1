// min.insync.replicas: what is in effect for a topic, and where the ELR depends on it.
//
// Threads: pure functions.
// Source: KIP-966.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/metadata/config_view.h"
#include "broker/metadata/image.h"
#include "broker/metadata/records.h"

namespace penstock::metadata {

inline constexpr std::string_view kMinIsr = "min.insync.replicas";
inline constexpr std::string_view kUncleanElection = "unclean.leader.election.enable";

// At least 1. More than there are replicas cannot be asked for: compare with effective_min_isr().
std::int32_t min_isr_of(const BrokerConfigView& configs, const MetadataImage& image, std::string_view topic);
// Of a partition with so many replicas.
std::size_t effective_min_isr(std::int32_t min_isr, std::size_t replicas);

// Sets the default of all brokers.
Record cluster_min_isr_record(const std::string& value);

}  // namespace penstock::metadata
