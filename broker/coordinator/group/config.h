// The keys that the group coordinator reads.
//
// Threads: loaded once, then read by any.
#pragma once

#include <cstdint>

#include "base/config.h"

namespace penstock::coordinator {

struct GroupConfig final : base::ConfigSection {
  base::Key<std::int32_t> group_min_session_timeout_ms{
      this,
      "group.min.session.timeout.ms",
      6000,
      {},
      base::Update::kReadOnly,
      "The shortest session timeout that a consumer may ask for. Shorter ones find failures sooner and cost "
      "more heartbeats."};
  base::Key<std::int32_t> group_max_session_timeout_ms{
      this, "group.max.session.timeout.ms", 1'800'000,
      {},   base::Update::kReadOnly,        "The longest session timeout that a consumer may ask for."};
  base::Key<std::int32_t> group_initial_rebalance_delay_ms{
      this,
      "group.initial.rebalance.delay.ms",
      3000,
      {},
      base::Update::kReadOnly,
      "How long an empty group waits for more members before its first rebalance."};
  base::Key<std::int32_t> group_max_size{
      this,       "group.max.size",        2'147'483'647,
      {.min = 1}, base::Update::kReadOnly, "The most members that a classic group may have."};
  base::Key<std::int32_t> offset_metadata_max_bytes{
      this,
      "offset.metadata.max.bytes",
      4096,
      {},
      base::Update::kReadOnly,
      "The longest metadata text that may be stored with a committed offset."};
  base::Key<std::int32_t> offsets_commit_timeout_ms{
      this,       "offsets.commit.timeout.ms", 5000,
      {.min = 1}, base::Update::kReadOnly,     "How long a request waits until its records are replicated."};
  base::Key<std::int32_t> offsets_load_buffer_size{
      this,
      "offsets.load.buffer.size",
      5'242'880,
      {.min = 1},
      base::Update::kReadOnly,
      "How many bytes are read at once when a partition of committed offsets is loaded."};
  base::Key<std::int64_t> offsets_retention_check_interval_ms{this,
                                                              "offsets.retention.check.interval.ms",
                                                              600'000,
                                                              {.min = 1},
                                                              base::Update::kReadOnly,
                                                              "How often expired offsets are looked for."};
  base::Key<std::int32_t> offsets_retention_minutes{
      this,
      "offsets.retention.minutes",
      10'080,
      {.min = 1},
      base::Update::kReadOnly,
      "How long offsets are kept after their group has become empty, or after the last commit where the "
      "group "
      "does not manage members or no longer subscribes to the topic."};
  base::Key<std::int32_t> offsets_topic_num_partitions{this,
                                                       "offsets.topic.num.partitions",
                                                       50,
                                                       {.min = 1},
                                                       base::Update::kReadOnly,
                                                       "The number of partitions of the topic of committed "
                                                       "offsets. It must not change after the first start."};
};

}  // namespace penstock::coordinator
