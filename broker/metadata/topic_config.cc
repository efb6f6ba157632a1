#include "broker/metadata/topic_config.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace penstock::metadata {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;

struct SynonymRow {
  std::string_view topic_key;
  std::string_view broker_key;
  std::int64_t factor = 1;
};

constexpr SynonymRow kSynonyms[] = {
    {"cleanup.policy", "log.cleanup.policy"},
    {"compression.gzip.level", "compression.gzip.level"},
    {"compression.lz4.level", "compression.lz4.level"},
    {"compression.type", "compression.type"},
    {"compression.zstd.level", "compression.zstd.level"},
    {"delete.retention.ms", "log.cleaner.delete.retention.ms"},
    {"file.delete.delay.ms", "log.segment.delete.delay.ms"},
    {"flush.messages", "log.flush.interval.messages"},
    {"flush.ms", "log.flush.interval.ms"},
    {"flush.ms", "log.flush.scheduler.interval.ms"},
    {"index.interval.bytes", "log.index.interval.bytes"},
    {"local.retention.bytes", "log.local.retention.bytes"},
    {"local.retention.ms", "log.local.retention.ms"},
    {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"},
    {"max.message.bytes", "message.max.bytes"},
    {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type", "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", "min.insync.replicas"},
    {"preallocate", "log.preallocate"},
    {"retention.bytes", "log.retention.bytes"},
    {"retention.ms", "log.retention.ms"},
    {"retention.ms", "log.retention.minutes", kMinuteMs},
    {"retention.ms", "log.retention.hours", kHourMs},
    {"segment.bytes", "log.segment.bytes"},
    {"segment.index.bytes", "log.index.size.max.bytes"},
    {"segment.jitter.ms", "log.roll.jitter.ms"},
    {"segment.jitter.ms", "log.roll.jitter.hours", kHourMs},
    {"segment.ms", "log.roll.ms"},
    {"segment.ms", "log.roll.hours", kHourMs},
    {"unclean.leader.election.enable", "unclean.leader.election.enable"},
};

std::vector<TopicKey> make_topic_keys() {
  static const TopicConfig kDefaults;
  std::vector<TopicKey> keys;
  for (const auto* key : kDefaults.keys()) {
    TopicKey entry{key, {}};
    for (const SynonymRow& row : kSynonyms) {
      if (row.topic_key == key->name()) entry.synonyms.push_back({row.broker_key, row.factor});
    }
    keys.push_back(std::move(entry));
  }
  std::ranges::sort(keys, {}, [](const TopicKey& key) { return key.key->name(); });
  return keys;
}

}  // namespace

std::span<const TopicKey> topic_keys() {
  static const std::vector<TopicKey> kKeys = make_topic_keys();
  return kKeys;
}

const TopicKey* find_topic_key(std::string_view name) {
  const auto keys = topic_keys();
  const auto found =
      std::ranges::lower_bound(keys, name, {}, [](const TopicKey& key) { return key.key->name(); });
  return found == keys.end() || found->key->name() != name ? nullptr : &*found;
}

base::Result<> validate_topic_configs(const base::Properties& overrides) {
  for (const auto& [name, value] : overrides) {
    const TopicKey* key = find_topic_key(name);
    if (key == nullptr) {
      return base::fail(base::Errc::kInvalidArgument, fmt::format("Unknown topic config name: {}", name));
    }
    TRY(key->key->check(value));
  }
  TopicConfig config;
  TRY(config.load(overrides));
  if (config.min_compaction_lag_ms() > config.max_compaction_lag_ms()) {
    return base::fail(
        base::Errc::kInvalidArgument,
        fmt::format("conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                    config.min_compaction_lag_ms(), config.max_compaction_lag_ms()));
  }
  if (config.remote_storage_enable()) {
    return base::fail(
        base::Errc::kInvalidArgument,
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
        "remote log storage.");
  }
  return {};
}

}  // namespace penstock::metadata
