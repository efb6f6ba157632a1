// Where the replicas of new partitions go: striped over racks, then over the brokers of a rack, from a random
// start, so that leaders and followers spread evenly.
//
// Threads: pure function.
// Source: Apache Kafka's StripedReplicaPlacer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

// One list of node ids per partition; the first is active. Fenced brokers get followers only, those that
// shut down or take no new replicas (KIP-1066) nothing.
// ERRORS: kInvalidArgument in Kafka's words: too few brokers, or none that is active.
base::Result<std::vector<std::vector<std::int32_t>>> place_replicas(const MetadataImage& image,
                                                                    std::int32_t partitions,
                                                                    std::int16_t replicas,
                                                                    base::Random& random);

}  // namespace penstock::metadata
