// The configs that a topic may have: type, default, bounds, and the broker config that is its default.
//
// Threads: immutable tables; a TopicConfig is loaded once, then read by any.
// Source: topic configs of Apache Kafka 4.3.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace penstock::metadata {

using base::Key;
using base::Update;

struct TopicConfig : base::ConfigSection {
  static constexpr std::int64_t kForever = INT64_MAX;

  Key<std::vector<std::string>> cleanup_policy{
      this,
      "cleanup.policy",
      {"delete"},
      {.one_of = {"compact", "delete"}},
      Update::kClusterWide,
      "What is done with old segments: delete them, compact them, or both."};
  Key<std::int32_t> compression_gzip_level{
      this, "compression.gzip.level", -1, {.min = -1, .max = 9}, Update::kClusterWide, "The level of gzip."};
  Key<std::int32_t> compression_lz4_level{
      this, "compression.lz4.level", 9, {.min = 1, .max = 17}, Update::kClusterWide, "The level of lz4."};
  Key<std::string> compression_type{this,
                                    "compression.type",
                                    "producer",
                                    {.one_of = {"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
                                    Update::kClusterWide,
                                    "The codec that batches are stored with; producer keeps the producer's."};
  Key<std::int32_t> compression_zstd_level{this,
                                           "compression.zstd.level",
                                           3,
                                           {.min = -131072, .max = 22},
                                           Update::kClusterWide,
                                           "The level of zstd."};
  Key<std::int64_t> delete_retention_ms{
      this,       "delete.retention.ms", 86'400'000,
      {.min = 0}, Update::kClusterWide,  "How long a compacted topic keeps the markers of deleted keys."};
  Key<std::int64_t> file_delete_delay_ms{
      this,       "file.delete.delay.ms", 60'000,
      {.min = 0}, Update::kClusterWide,   "The time between dropping a file and removing it from disk."};
  Key<std::int64_t> flush_messages{
      this,       "flush.messages",     kForever,
      {.min = 1}, Update::kClusterWide, "Force an fsync after this many records."};
  Key<std::int64_t> flush_ms{this,       "flush.ms",           kForever,
                             {.min = 0}, Update::kClusterWide, "Force an fsync after this time."};
  Key<std::vector<std::string>> follower_throttled{
      this,
      "follower.replication.throttled.replicas",
      {},
      {},
      Update::kClusterWide,
      "Replicas whose replication is throttled on the follower, as partition:broker, or *."};
  Key<std::int32_t> index_interval_bytes{
      this,       "index.interval.bytes", 4096,
      {.min = 0}, Update::kClusterWide,   "Bytes of log between two entries of the offset index."};
  Key<std::vector<std::string>> leader_throttled{
      this,
      "leader.replication.throttled.replicas",
      {},
      {},
      Update::kClusterWide,
      "Replicas whose replication is throttled on the leader, as partition:broker, or *."};
  Key<std::int64_t> local_retention_bytes{this,
                                          "local.retention.bytes",
                                          -2,
                                          {.min = -2},
                                          Update::kClusterWide,
                                          "Bytes kept locally of a tiered topic; -2 means retention.bytes."};
  Key<std::int64_t> local_retention_ms{
      this,        "local.retention.ms", -2,
      {.min = -2}, Update::kClusterWide, "Time kept locally of a tiered topic; -2 means retention.ms."};
  Key<std::int64_t> max_compaction_lag_ms{
      this,       "max.compaction.lag.ms", kForever,
      {.min = 1}, Update::kClusterWide,    "The longest that a record stays uncompacted."};
  Key<std::int32_t> max_message_bytes{this,       "max.message.bytes",  1'048'588,
                                      {.min = 0}, Update::kClusterWide, "The largest record batch."};
  Key<std::int64_t> message_timestamp_after_max_ms{
      this,
      "message.timestamp.after.max.ms",
      3'600'000,
      {.min = 0},
      Update::kClusterWide,
      "How far ahead of the broker's clock a record's timestamp may be."};
  Key<std::int64_t> message_timestamp_before_max_ms{
      this,
      "message.timestamp.before.max.ms",
      kForever,
      {.min = 0},
      Update::kClusterWide,
      "How far behind the broker's clock a record's timestamp may be."};
  Key<std::string> message_timestamp_type{this,
                                          "message.timestamp.type",
                                          "CreateTime",
                                          {.one_of = {"CreateTime", "LogAppendTime"}},
                                          Update::kClusterWide,
                                          "Whether the timestamp is the producer's or the broker's."};
  Key<double> min_cleanable_dirty_ratio{this,
                                        "min.cleanable.dirty.ratio",
                                        0.5,
                                        {.min = 0, .max = 1},
                                        Update::kClusterWide,
                                        "How much of a log must be uncompacted before it is compacted."};
  Key<std::int64_t> min_compaction_lag_ms{
      this,       "min.compaction.lag.ms", 0,
      {.min = 0}, Update::kClusterWide,    "The shortest that a record stays uncompacted."};
  Key<std::int32_t> min_insync_replicas{
      this,       "min.insync.replicas", 1,
      {.min = 1}, Update::kClusterWide,  "Replicas that must have a write before acks=all is answered."};
  Key<bool> preallocate{this, "preallocate",        false,
                        {},   Update::kClusterWide, "Reserve the disk space of a new segment."};
  Key<bool> remote_log_copy_disable{
      this, "remote.log.copy.disable", false,
      {},   Update::kClusterWide,      "Stop copying segments to tiered storage."};
  Key<bool> remote_log_delete_on_disable{
      this, "remote.log.delete.on.disable", false,
      {},   Update::kClusterWide,           "Delete tiered data when tiering is turned off."};
  Key<bool> remote_storage_enable{this, "remote.storage.enable", false,
                                  {},   Update::kClusterWide,    "Tiered storage of this topic."};
  Key<std::int64_t> retention_bytes{
      this, "retention.bytes",    -1,
      {},   Update::kClusterWide, "Bytes that a partition keeps; -1 is without bound."};
  Key<std::int64_t> retention_ms{
      this,        "retention.ms",       604'800'000,
      {.min = -1}, Update::kClusterWide, "Time that a record is kept; -1 is for ever."};
  Key<std::int32_t> segment_bytes{this,
                                  "segment.bytes",
                                  1 << 30,
                                  {.min = 1'048'576},
                                  Update::kClusterWide,
                                  "The size of a segment file."};
  Key<std::int32_t> segment_index_bytes{this,       "segment.index.bytes", 10'485'760,
                                        {.min = 4}, Update::kClusterWide,  "The size of an index file."};
  Key<std::int64_t> segment_jitter_ms{
      this,       "segment.jitter.ms",  0,
      {.min = 0}, Update::kClusterWide, "The longest random time that is taken off segment.ms."};
  Key<std::int64_t> segment_ms{this,       "segment.ms",         604'800'000,
                               {.min = 1}, Update::kClusterWide, "The age at which a segment is closed."};
  Key<bool> unclean_leader_election_enable{
      this,
      "unclean.leader.election.enable",
      false,
      {},
      Update::kClusterWide,
      "Whether a replica outside of the ISR may lead when no other is left, losing records."};
};

// One broker config that gives a topic config its default, in order of precedence. Values in minutes, hours
// or "no value" are converted by `factor` (to milliseconds).
struct TopicKeySynonym {
  std::string_view broker_key;
  std::int64_t factor = 1;
};

struct TopicKey {
  const base::ConfigKey* key = nullptr;
  std::vector<TopicKeySynonym> synonyms{};
};

// Every topic config, sorted by name.
std::span<const TopicKey> topic_keys();
// Null when there is no such config.
const TopicKey* find_topic_key(std::string_view name);

// The overrides of one topic: known names, right types, in bounds, and consistent with each other.
// ERRORS: kInvalidArgument in Kafka's words.
base::Result<> validate_topic_configs(const base::Properties& overrides);

}  // namespace penstock::metadata
