// The keys that handlers read.
//
// Threads: loaded once, then read by any.
#pragma once

#include <cstdint>

#include "base/config.h"

namespace penstock::handlers {

struct HandlerConfig final : base::ConfigSection {
  base::Key<bool> auto_create_topics{
      this,
      "auto.create.topics.enable",
      true,
      {},
      base::Update::kReadOnly,
      "Make a topic when a client asks for the metadata of one that is not there."};
  base::Key<bool> delete_topics{this, "delete.topic.enable",   true,
                                {},   base::Update::kReadOnly, "Whether topics may be deleted."};
  base::Key<std::int16_t> offsets_topic_replication{
      this,
      "offsets.topic.replication.factor",
      3,
      {.min = 1},
      base::Update::kReadOnly,
      "Replicas of the topic of committed offsets; fewer when there are fewer brokers."};
  base::Key<std::int32_t> offsets_topic_segment_bytes{
      this,       "offsets.topic.segment.bytes", 104'857'600,
      {.min = 1}, base::Update::kReadOnly,       "The segment size of the topic of committed offsets."};
};

}  // namespace penstock::handlers
