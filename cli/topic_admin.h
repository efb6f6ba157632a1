// The five actions of `kafka-topics`, over the admin client; their output is that of Kafka 4.3's tool.
//
// Threads: the client's reactor.
#pragma once

#include "base/aio/task.h"
#include "base/error.h"
#include "cli/topic_request.h"
#include "kafka/client/admin_client.h"

namespace penstock::cli {

// Writes to stdout. ERRORS: what the broker said, in its words.
aio::Task<base::Result<>> execute(kafka::AdminClient& admin, TopicRequest request);

// ERRORS: kNotFound when names were asked for and none is there, unless if_exists.
aio::Task<base::Result<>> describe_topics(kafka::AdminClient& admin, TopicRequest request);

struct FoundTopic {
  std::string name;
  base::Uuid id;
  std::int32_t partition_count = 0;
};
// Sorted by name. ERRORS: kInvalidArgument for a bad expression; kNotFound as above.
aio::Task<base::Result<std::vector<FoundTopic>>> find_topics(kafka::AdminClient& admin, TopicRequest request);

// The error of one item of an answer: the broker's message, else the code's text.
base::Error item_error(std::int16_t code, const std::optional<std::string>& message);

}  // namespace penstock::cli
