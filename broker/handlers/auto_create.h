// Topics that are made because somebody asked for them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/aio/task.h"
#include "broker/handlers/handler.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

// What a Metadata request is told about topics that do not exist. With `may_create` they are asked of the
// controller first; the answer is still UNKNOWN_TOPIC_OR_PARTITION, as Kafka's, and the client asks again.
// The context is the caller's until the task ends.
aio::Task<std::vector<std::pair<std::string, kafka::ErrorCode>>> answer_missing_topics(
    RequestContext& context, std::vector<std::string> names, bool may_create);

// Makes sure that the internal topic is there, with the partition count and replication of its configuration.
// The result is the error to answer while it is not: COORDINATOR_NOT_AVAILABLE, or none once it exists.
aio::Task<kafka::ErrorCode> ensure_internal_topic(RequestContext& context, std::string name);

}  // namespace penstock::handlers
