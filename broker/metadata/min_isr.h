// min.insync.replicas where the ELR depends on it.
//
// Threads: pure functions.
// Source: KIP-966.
#pragma once

#include <string>
#include <string_view>

#include "broker/metadata/image.h"
#include "broker/metadata/records.h"

namespace penstock::metadata {

inline constexpr std::string_view kMinIsr = "min.insync.replicas";
inline constexpr std::string_view kUncleanElection = "unclean.leader.election.enable";

// Sets the default of all brokers.
inline Record cluster_min_isr_record(const std::string& value) {
  kafka::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ResourceType::kBroker);
  record.name = kMinIsr;
  record.value = value;
  return record;
}

}  // namespace penstock::metadata
