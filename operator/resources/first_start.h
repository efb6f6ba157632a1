// What makes an empty directory begin the metadata quorum instead of joining it: a ConfigMap that the pods
// mount, with the initial controllers and which of them have begun.
//
// A controller that was seen ready has formatted its directory. From then on an empty directory under its
// node id is a volume that was lost, and must not vote for its predecessor. Threads: pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/error.h"
#include "operator/resources/desired.h"

namespace penstock::resources {

// On a claim: its directory was formatted. It outlives the cluster with the claim.
inline constexpr const char* kFormattedAnnotation = "penstock.dev/formatted";
inline constexpr const char* kFirstStartDirectory = "/etc/penstock-first-start";
inline constexpr const char* kFirstStartFile = "first-start.properties";

using NodeIds = std::set<std::int32_t>;

std::string first_start_name(const KafkaCluster& cluster);
// Those that the cluster began with, or will: the lowest ordinals, one for each directory id.
NodeIds initial_controllers(const ClusterIdentity& identity);
Json build_first_start(const KafkaCluster& cluster, const ClusterIdentity& identity,
                       const NodeIds& formatted);
// ERRORS: kCorrupt.
base::Result<NodeIds> read_formatted(const Json& config_map);

}  // namespace penstock::resources
