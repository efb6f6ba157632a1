// Replicas in Kafka's answers. Included by this module's .cc files only.
//
// Threads: pure functions.
#pragma once

#include <vector>

#include "kafka/messages/metadata_response.h"
#include "operator/reconcile/topic_admin.h"

namespace penstock::reconcile {

// By partition index, without moves.
std::vector<PartitionState> layout_of(const kafka::MetadataResponse::MetadataResponseTopic& topic);

}  // namespace penstock::reconcile
