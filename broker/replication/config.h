// The keys of replication and of the periodic work on logs.
//
// Threads: loaded once, then read by any.
#pragma once

#include <limits>
#include <string>

#include "base/config.h"

namespace penstock::replication {

struct ReplicationConfig : base::ConfigSection {
  base::Key<std::int64_t> replica_lag_time_max_ms{
      this, "replica.lag.time.max.ms", 30000,
      {},   base::Update::kReadOnly,   "A follower that has not caught up for so long leaves the ISR."};
  base::Key<std::int32_t> replica_fetch_bytes_max{
      this,       "replica.fetch.max.bytes", 1048576,
      {.min = 0}, base::Update::kReadOnly,   "The most bytes of one partition in a follower's fetch."};
  base::Key<std::int32_t> replica_fetch_response_bytes_max{
      this,
      "replica.fetch.response.max.bytes",
      10485760,
      {.min = 0},
      base::Update::kReadOnly,
      "The most record bytes in the answer to a follower's fetch."};
  base::Key<std::int32_t> replica_fetch_bytes_min{
      this,
      "replica.fetch.min.bytes",
      1,
      {},
      base::Update::kReadOnly,
      "A follower's fetch waits for so many bytes, at most replica.fetch.wait.max.ms."};
  base::Key<std::int32_t> replica_fetch_wait_max_ms{
      this, "replica.fetch.wait.max.ms", 500,
      {},   base::Update::kReadOnly,     "How long a follower's fetch waits for new records."};
  base::Key<std::int32_t> replica_fetch_backoff_ms{
      this,       "replica.fetch.backoff.ms", 1000,
      {.min = 0}, base::Update::kReadOnly,    "The longest wait of a follower after a failed fetch."};
  base::Key<std::int32_t> replica_socket_timeout_ms{
      this,
      "replica.socket.timeout.ms",
      30000,
      {.min = 1},
      base::Update::kReadOnly,
      "How long a follower waits for its leader's answer, beyond replica.fetch.wait.max.ms."};
  base::Key<std::int64_t> leader_throttled_rate{
      this,
      "leader.replication.throttled.rate",
      std::numeric_limits<std::int64_t>::max(),
      {.min = 0},
      base::Update::kPerBroker,
      "Bytes per second that leaders here send of replicas in leader.replication.throttled.replicas."};
  base::Key<std::int64_t> follower_throttled_rate{
      this,
      "follower.replication.throttled.rate",
      std::numeric_limits<std::int64_t>::max(),
      {.min = 0},
      base::Update::kPerBroker,
      "Bytes per second that followers here fetch of replicas in follower.replication.throttled.replicas."};
  base::Key<std::string> replica_selector{
      this,
      "replica.selector.class",
      "",
      {.one_of = {"", "RackAwareReplicaSelector", "org.apache.kafka.common.replica.RackAwareReplicaSelector",
                  "LeaderSelector", "org.apache.kafka.common.replica.LeaderSelector"}},
      base::Update::kReadOnly,
      "Which replica consumers read from: the leader, or one in their own rack."};
  base::Key<std::int64_t> high_watermark_checkpoint_interval_ms{
      this,
      "replica.high.watermark.checkpoint.interval.ms",
      5000,
      {.min = 1},
      base::Update::kReadOnly,
      "How often the high watermarks are written to disk."};
  base::Key<std::int64_t> retention_check_interval_ms{
      this,
      "log.retention.check.interval.ms",
      300000,
      {.min = 1},
      base::Update::kReadOnly,
      "How often logs are looked at for segments that retention may delete."};
  base::Key<std::int64_t> flush_scheduler_interval_ms{
      this,
      "log.flush.scheduler.interval.ms",
      std::numeric_limits<std::int64_t>::max(),
      {},
      base::Update::kReadOnly,
      "How often logs are looked at for data that flush.ms wants on stable storage."};
  base::Key<std::int32_t> recovery_point_checkpoint_interval_ms{
      this,
      "log.flush.offset.checkpoint.interval.ms",
      60000,
      {.min = 0},
      base::Update::kReadOnly,
      "How often the recovery points are written to disk."};
  base::Key<std::int32_t> log_start_checkpoint_interval_ms{
      this,
      "log.flush.start.offset.checkpoint.interval.ms",
      60000,
      {.min = 0},
      base::Update::kReadOnly,
      "How often the log start offsets are written to disk."};
  base::Key<std::int32_t> producer_id_expiration_ms{
      this,
      "producer.id.expiration.ms",
      86400000,
      {.min = 1},
      base::Update::kClusterWide,
      "A producer id that has not been used for so long is forgotten."};
  base::Key<std::int32_t> producer_id_expiration_check_interval_ms{
      this,
      "producer.id.expiration.check.interval.ms",
      600000,
      {.min = 1},
      base::Update::kReadOnly,
      "How often expired producer ids are looked for."};
  base::Key<std::int32_t> fetch_bytes_max{
      this,          "fetch.max.bytes",       57671680,
      {.min = 1024}, base::Update::kReadOnly, "The most record bytes in one answer to a fetch."};
  base::Key<std::int64_t> tail_cache_bytes_max{
      this,
      "penstock.tail.cache.bytes.max",
      64 << 20,
      {.min = 0},
      base::Update::kReadOnly,
      "Memory for the newest batches of all partitions, from which consumers at the end are served."};
  base::Key<std::int32_t> fetch_session_slots_max{this,
                                                  "max.incremental.fetch.session.cache.slots",
                                                  1000,
                                                  {.min = 0},
                                                  base::Update::kReadOnly,
                                                  "How many incremental fetch sessions are kept."};

  bool is_rack_aware() const { return replica_selector().ends_with("RackAwareReplicaSelector"); }
};

}  // namespace penstock::replication
