// Reads any bytes as a quorum-state file or as a snapshot of the metadata. Input: kind, position (1 and 2
// bytes), content.
//
// Kind bit 0 chooses the file; for a snapshot the content overwrites a part of a good one (bit 1) or stands
// for itself, and bit 2 repairs the CRCs of its batches, so that what is behind them is reached. Reading may
// refuse. A quorum-state that reads is printed and reads the same; an image that loads is written as a
// snapshot and loads again.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "broker/metadata/features.h"
#include "broker/raft/quorum_state.h"
#include "tests/fuzz/run_input.h"
#include "tests/support/image_snapshot.h"
#include "tests/support/repair_crcs.h"
#include "tests/support/sim_disk.h"

namespace penstock::metadata {

namespace {

const std::string kDirectory = "/data";
constexpr raft::OffsetAndEpoch kId{kafka::Offset(40), kafka::LeaderEpoch(2)};

void require(bool held) {
  if (!held) std::abort();
}

base::Bytes good_snapshot() {
  testing::SimDisk disk;
  require(disk.create_directories(kDirectory).has_value());
  ImageBuilder builder;
  const auto add = [&](const Record& record) { require(builder.replay(record).has_value()); };
  kafka::FeatureLevelRecord level;
  level.name = kMetadataVersion;
  level.feature_level = kMetadataVersionLevel;
  add(level);
  kafka::RegisterBrokerRecord broker;
  broker.broker_id = 1;
  broker.rack = "r";
  add(broker);
  kafka::TopicRecord topic;
  topic.name = "orders";
  topic.topic_id = {1, 2};
  add(topic);
  kafka::PartitionRecord partition;
  partition.partition_id = 0;
  partition.topic_id = topic.topic_id;
  partition.replicas = partition.isr = {1, 2};
  partition.directories = {{3, 4}, {5, 6}};
  add(partition);
  kafka::ConfigRecord config;
  config.resource_type = 2;
  config.resource_name = "orders";
  config.name = "retention.ms";
  config.value = "1";
  add(config);
  return base::read_file(disk, testing::write_image(disk, kDirectory, kId, builder.image()).value()).value();
}

void read_state(base::ByteSpan content) {
  const auto state = raft::parse_quorum_state(base::as_text(content));
  if (!state) return;
  const auto again = raft::parse_quorum_state(raft::print_quorum_state(*state));
  require(again.has_value() && *again == *state);
}

void read_snapshot(base::Bytes content) {
  testing::SimDisk disk;
  require(disk.create_directories(kDirectory).has_value());
  require(base::write_file_atomically(disk, kDirectory + "/fuzzed", content).has_value());
  const auto loaded = testing::read_image(disk, kDirectory + "/fuzzed");
  if (!loaded) return;
  const auto path = testing::write_image(disk, kDirectory, kId, loaded->image());
  require(path.has_value());
  const auto again = testing::read_image(disk, *path);
  require(again.has_value());
  ImageBuilder change(loaded->image());
  change.become(again->image());
  const auto update = change.publish();
  require(update.changed_topics.empty() && update.changed_configs.empty() && !update.is_brokers_changed);
}

void run(base::ByteReader& input) {
  static const base::Bytes good = good_snapshot();
  const std::uint8_t kind = input.read_uint8();
  const std::uint16_t position = input.read_uint16();
  if (input.failed()) return;
  const base::ByteSpan content = input.rest();
  if ((kind & 1) != 0) return read_state(content);
  base::Bytes bytes((kind & 2) != 0 ? good : base::Bytes(content.begin(), content.end()));
  if ((kind & 2) != 0) {
    const std::size_t at = position % good.size();
    std::copy_n(content.begin(), std::min(content.size(), good.size() - at),
                bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if ((kind & 4) != 0) testing::repair_crcs(bytes);
  read_snapshot(std::move(bytes));
}

}  // namespace

}  // namespace penstock::metadata

namespace penstock::testing {
void run_input(base::ByteReader& input) { metadata::run(input); }
}  // namespace penstock::testing
