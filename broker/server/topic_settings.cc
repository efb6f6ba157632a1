#include "broker/server/topic_settings.h"

#include <algorithm>
#include <optional>
#include <string>

#include "broker/metadata/topic_config.h"

namespace penstock::server {

namespace {

bool has_policy(const metadata::TopicConfig& config, std::string_view policy) {
  return std::ranges::find(config.cleanup_policy(), policy) != config.cleanup_policy().end();
}

std::optional<kafka::Compression> compression_of(const std::string& type) {
  if (type == "uncompressed") return kafka::Compression::kNone;
  if (type == "gzip") return kafka::Compression::kGzip;
  if (type == "snappy") return kafka::Compression::kSnappy;
  if (type == "lz4") return kafka::Compression::kLz4;
  if (type == "zstd") return kafka::Compression::kZstd;
  return std::nullopt;  // "producer"
}

std::optional<int> level_of(const metadata::TopicConfig& config,
                            std::optional<kafka::Compression> compression) {
  if (compression == kafka::Compression::kGzip) return config.compression_gzip_level();
  if (compression == kafka::Compression::kLz4) return config.compression_lz4_level();
  if (compression == kafka::Compression::kZstd) return config.compression_zstd_level();
  return std::nullopt;
}

storage::LogConfig log_config(const metadata::TopicConfig& config) {
  storage::LogConfig log;
  log.segment_bytes = config.segment_bytes();
  log.segment_ms = config.segment_ms();
  log.segment_jitter_ms = config.segment_jitter_ms();
  log.segment_index_bytes = config.segment_index_bytes();
  log.index_interval_bytes = config.index_interval_bytes();
  log.retention_ms = config.retention_ms();
  log.retention_bytes = config.retention_bytes();
  log.flush_messages = config.flush_messages();
  log.flush_ms = config.flush_ms();
  log.is_deleted = has_policy(config, "delete");
  log.is_compacted = has_policy(config, "compact");
  return log;
}

}  // namespace

base::Result<replication::TopicSettings> topic_settings(const metadata::BrokerConfigView& view,
                                                        const metadata::MetadataImage& image,
                                                        std::string_view topic,
                                                        std::int64_t replica_lag_max_ms) {
  metadata::TopicConfig config;
  TRY(config.load(view.topic_properties(image, topic)));
  replication::TopicSettings settings;
  settings.log = log_config(config);
  kafka::RecordRules& rules = settings.partition.rules;
  rules.batch_bytes_max = config.max_message_bytes();
  rules.is_key_required = settings.log.is_compacted;
  rules.timestamp_type = config.message_timestamp_type() == "LogAppendTime"
                             ? kafka::TimestampType::kLogAppendTime
                             : kafka::TimestampType::kCreateTime;
  rules.timestamp_before_ms_max = config.message_timestamp_before_max_ms();
  rules.timestamp_after_ms_max = config.message_timestamp_after_max_ms();
  rules.compression = compression_of(config.compression_type());
  rules.compression_level = level_of(config, rules.compression);
  settings.partition.min_insync_replicas = config.min_insync_replicas();
  settings.partition.is_deletion_allowed = settings.log.is_deleted;
  TRY_ASSIGN(settings.partition.leader_throttled,
             replication::parse_throttled_replicas(config.leader_throttled()));
  TRY_ASSIGN(settings.partition.follower_throttled,
             replication::parse_throttled_replicas(config.follower_throttled()));
  settings.partition.replica_lag_max = base::milliseconds(replica_lag_max_ms);
  return settings;
}

}  // namespace penstock::server
