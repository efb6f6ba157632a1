// Reads any bytes as records of the metadata log. Input: kind, split (1 byte each), content.
//
// The content is records, each behind its length (2 bytes), or with kind bit 0 batches of a log, whose CRCs
// kind bit 1 repairs. What the first `split` records make is the image before, the others are its change.
// A record that cannot be read or applied must be refused with an error that names it. Whatever was applied
// must come back from a snapshot, the update must name all that differs, and a controller must be able to
// work on from it.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "broker/metadata/controller.h"
#include "broker/metadata/partition_health.h"
#include "broker/metadata/topic_config.h"
#include "tests/fuzz/run_input.h"
#include "tests/support/image_snapshot.h"
#include "tests/support/repair_crcs.h"
#include "tests/support/sim_disk.h"

namespace penstock::metadata {

namespace {

constexpr raft::OffsetAndEpoch kId{kafka::Offset(40), kafka::LeaderEpoch(2)};
// So many at once a controller decides in these images; more would be a loop.
constexpr int kRoundsMax = 200;

void require(bool held) {
  if (!held) std::abort();
}

class Replay {
 public:
  explicit Replay(std::size_t split) : left_before_(split) {}

  void read_records(base::ByteReader& input) {
    while (input.remaining() > 0) {
      const std::size_t length = input.read_uint16();
      const base::ByteSpan bytes = input.read_span(std::min(length, input.remaining()));
      if (input.failed()) return;
      auto record = decode_record(bytes);
      if (!record) {
        require(!record.error().what().empty());
        continue;
      }
      (void)take(*record);  // What is refused leaves the rest to be tried.
    }
  }

  void read_log(base::ByteSpan log) {
    for (kafka::BatchCursor cursor(log);;) {
      const auto batch = cursor.next();
      if (!batch || !*batch) return;
      const auto visited = visit_records(**batch, [this](const Record& record) { return take(record); });
      if (visited) continue;
      require(visited.error().what().find(" at offset ") != std::string::npos);
      return;
    }
  }

  ImageUpdate publish() { return builder_.publish(); }
  const ImageBuilder& builder() const { return builder_; }

 private:
  base::Result<> take(const Record& record) {
    if (left_before_ > 0 && --left_before_ == 0) (void)builder_.publish();
    const base::Bytes bytes = encode_record(record);
    const auto again = decode_record(bytes);
    require(again.has_value() && encode_record(*again) == bytes);
    auto replayed = builder_.replay(record);
    if (!replayed) require(replayed.error().what().starts_with(record_name(record)));
    return replayed;
  }

  ImageBuilder builder_;
  std::size_t left_before_;
};

// `told` must name all in which the images differ.
void check_update(const ImageUpdate& told) {
  ImageBuilder change(*told.before);
  change.become(*told.after);
  const ImageUpdate seen = change.publish();
  require(std::ranges::includes(told.changed_topics, seen.changed_topics));
  require(std::ranges::includes(told.changed_configs, seen.changed_configs));
  require(told.is_brokers_changed || !seen.is_brokers_changed);
}

void check_snapshot(const MetadataImage& image) {
  testing::SimDisk disk;
  require(disk.create_directories("/data").has_value());
  const auto path = testing::write_image(disk, "/data", kId, image);
  require(path.has_value());
  const auto loaded = testing::read_image(disk, *path);
  require(loaded.has_value());
  require(testing::records_of(loaded->image()) == testing::records_of(image));
  ImageBuilder change(image);
  change.become(loaded->image());
  const ImageUpdate update = change.publish();
  require(update.changed_topics.empty() && update.changed_configs.empty() && !update.is_brokers_changed);
}

void check_configs(const MetadataImage& image) {
  const BrokerConfigView configs(kafka::NodeId(1), {}, {});
  for (const auto& topic : image.topics()) {
    TopicConfig config;
    (void)config.load(configs.topic_properties(image, topic->name));  // Bad values are refused.
  }
  (void)configs.describe_broker(image, kafka::NodeId(1));
  const PartitionHealth health = partition_health(image, configs);
  require(health.offline >= 0 && health.under_min_isr >= 0);
}

void check_controller(const ImageBuilder& committed) {
  ControllerOptions options;
  options.self = kafka::NodeId(1);
  options.leader_balance_interval = base::seconds(300);
  base::SeededRandom random(1);
  Controller controller(options, random);
  base::MonoTime now{};
  controller.activate(committed, now);
  const auto apply = [&](const Records& records) {
    return std::ranges::all_of(records, [&](const Record& record) {
      const auto replayed = controller.replay(record);
      // An epoch that was the last.
      if (!replayed) require(replayed.error().what().starts_with(record_name(record)));
      return replayed.has_value();
    });
  };
  if (!apply(controller.activation_records({}))) return;
  std::vector<std::pair<kafka::NodeId, kafka::BrokerEpoch>> brokers;
  for (const auto& [id, broker] : controller.image().brokers()) brokers.emplace_back(id, broker->epoch);
  for (const auto& [id, epoch] : brokers) {
    (void)controller.reserve_stop(id, "fuzz", now);
    if (!apply(controller.fence_dead(id, epoch, now).work.records)) return;
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    const DueWork work = controller.due_work(now);
    if (!apply(work.records)) return;
    if (work.records.empty()) now += base::seconds(10);
  }
}

void run(base::ByteReader& input) {
  const std::uint8_t kind = input.read_uint8();
  const std::uint8_t split = input.read_uint8();
  if (input.failed()) return;
  Replay replay(split);
  if ((kind & 1) == 0) {
    replay.read_records(input);
  } else {
    const base::ByteSpan content = input.rest();
    base::Bytes log(content.begin(), content.end());
    if ((kind & 2) != 0) testing::repair_crcs(log);
    replay.read_log(log);
  }
  const ImageUpdate update = replay.publish();
  check_update(update);
  check_snapshot(*update.after);
  check_configs(*update.after);
  check_controller(replay.builder());
}

}  // namespace

}  // namespace penstock::metadata

namespace penstock::testing {
void run_input(base::ByteReader& input) { metadata::run(input); }
}  // namespace penstock::testing
