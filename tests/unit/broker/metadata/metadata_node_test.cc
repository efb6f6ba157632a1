// A whole metadata node over a simulated disk: what it answered is there after a power loss.
#include "broker/metadata/metadata_node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "broker/metadata/batch_replay.h"
#include "broker/metadata/broker_lifecycle.h"
#include "broker/metadata/features.h"
#include "broker/raft/snapshot.h"
#include "tests/support/sim_disk.h"

namespace penstock::metadata {
namespace {

constexpr base::Uuid kDirectory{7, 1};
const std::string kRoot = "/data";

void format(base::Disk& disk) {
  raft::Voter self;
  self.key = {kafka::NodeId(1), kDirectory};
  self.endpoints = {{"CONTROLLER", "localhost", 9093}};
  raft::SnapshotBuilder builder({.voters = raft::VoterSet{self}});
  const auto content = builder.finish();
  ASSERT_TRUE(content.has_value());
  const std::string log = kRoot + "/__cluster_metadata-0";
  ASSERT_TRUE(disk.create_directories(log).has_value());
  ASSERT_TRUE(
      base::write_file_atomically(disk, log + "/" + raft::snapshot_file_name({}), *content).has_value());
}

aio::Task<> store_created(MetadataNode& node, aio::Reactor& home, kafka::CreateTopicsRequest request,
                          std::vector<std::string>& acked) {
  const auto response = co_await node.create_topics(home, std::move(request));
  for (const auto& topic : response.topics) {
    if (topic.error_code == 0) acked.push_back(topic.name);
  }
}

aio::Task<> stop_all(BrokerLifecycle& lifecycle, MetadataNode& node, bool& is_stopped) {
  co_await lifecycle.stop();
  co_await node.stop();
  is_stopped = true;
}

// One life of the process.
struct Life {
  Life(aio::SimScheduler& scheduler, base::Disk& disk, base::Random& random,
       const base::Properties& properties = {})
      : reactor(scheduler) {
    EXPECT_TRUE(config.load(properties).has_value());
    MetadataNodeOptions options;
    options.reactor = &reactor;
    options.disk = &disk;
    options.random = &random;
    options.config = &config;
    options.node = kafka::NodeId(1);
    options.log_directory = kRoot;
    options.cluster_id = "cluster";
    options.directory_id = kDirectory;
    auto opened = MetadataNode::open(std::move(options));
    if (!opened) {
      error = opened.error().what();
      return;
    }
    node = std::move(*opened);
    LifecycleOptions life;
    life.node = kafka::NodeId(1);
    life.cluster_id = "cluster";
    life.incarnation_id = base::Uuid::random(random);
    life.features = supported_features();
    life.directories = {kDirectory};
    life.applied_offset = [this] { return node->images().current()->last_offset(); };
    lifecycle = std::make_unique<BrokerLifecycle>(reactor, *node, std::move(life));
    lifecycle->set_ready();
    reactor.post([this] {
      node->start();
      lifecycle->start();
    });
  }
  void create(const std::string& name, std::vector<std::string>& acked) {
    kafka::CreateTopicsRequest request;
    kafka::CreateTopicsRequest::CreatableTopic topic;
    topic.name = name;
    topic.num_partitions = 2;
    topic.replication_factor = 1;
    request.topics.push_back(topic);
    aio::start_detached(store_created(*node, reactor, std::move(request), acked));
  }
  void stop(aio::SimScheduler& scheduler) {
    bool is_stopped = false;
    reactor.post([&] { aio::start_detached(stop_all(*lifecycle, *node, is_stopped)); });
    for (int i = 0; i < 100 && !is_stopped; ++i) scheduler.run_for(base::milliseconds(50));
    ASSERT_TRUE(is_stopped);
  }

  aio::SimReactor reactor;
  MetadataConfig config;
  std::string error;
  std::unique_ptr<MetadataNode> node;
  std::unique_ptr<BrokerLifecycle> lifecycle;
};

TEST(MetadataNode, ComesIntoServiceAndKeepsItsTopicsOverACleanRestart) {
  aio::SimScheduler scheduler(1);
  base::SeededRandom random(1);
  penstock::testing::SimDisk disk;
  format(disk);
  std::vector<std::string> acked;
  {
    Life life(scheduler, disk, random);
    ASSERT_EQ(life.error, "");
    scheduler.run_for(base::seconds(1));
    EXPECT_FALSE(life.lifecycle->is_fenced());
    life.create("orders", acked);
    scheduler.run_for(base::seconds(1));
    ASSERT_EQ(acked, std::vector<std::string>{"orders"});
    life.stop(scheduler);
  }
  Life life(scheduler, disk, random);
  ASSERT_EQ(life.error, "");
  scheduler.run_for(base::seconds(1));
  // The session of its earlier self still lasts; it is let in all the same.
  EXPECT_FALSE(life.lifecycle->is_fenced());
  const auto topic = life.node->images().current()->topic("orders");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->partition(kafka::PartitionId(0))->leader, 1);
  life.stop(scheduler);
}

TEST(MetadataNode, WhatWasAnsweredSurvivesAPowerLoss) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    SCOPED_TRACE(seed);
    aio::SimScheduler scheduler(seed);
    base::SeededRandom random(seed);
    penstock::testing::SimDisk disk;
    format(disk);
    std::vector<std::string> acked;
    for (int life_number = 0; life_number < 6; ++life_number) {
      Life life(scheduler, disk, random);
      ASSERT_EQ(life.error, "");
      scheduler.run_for(base::milliseconds(500));
      for (const auto& name : acked) {
        EXPECT_NE(life.node->images().current()->topic(name), nullptr) << name << " was answered and is lost";
      }
      for (int i = 0; i < 8; ++i) {
        life.create("t" + std::to_string(life_number) + "-" + std::to_string(i), acked);
        scheduler.run_for(base::microseconds(static_cast<std::int64_t>(random.below(8000))));
      }
      // The power goes while some are under way; then the process of that life is taken down.
      disk.crash(random);
      const std::size_t answered = acked.size();
      life.stop(scheduler);
      acked.resize(answered);
    }
    EXPECT_GT(acked.size(), 5U);
  }
}

std::vector<raft::OffsetAndEpoch> snapshots(base::Disk& disk) {
  std::vector<raft::OffsetAndEpoch> found;
  for (const auto& entry : disk.list(kRoot + "/__cluster_metadata-0").value()) {
    if (const auto id = raft::parse_snapshot_file_name(entry.name)) found.push_back(*id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// In the order of a snapshot.
std::vector<std::string> topics_of(base::Disk& disk, const raft::OffsetAndEpoch& id, ImageBuilder& builder) {
  raft::QuorumRecords quorum;
  const auto replay = [&](const kafka::RecordBatchView& batch) { return replay_batch(batch, builder); };
  const auto read = raft::read_snapshot(disk, kRoot + "/__cluster_metadata-0/" + raft::snapshot_file_name(id),
                                        quorum, replay);
  EXPECT_TRUE(read.has_value());
  EXPECT_EQ(quorum.kraft_version, 1);
  EXPECT_TRUE(quorum.voters && quorum.voters->size() == 1);
  std::vector<std::string> names;
  for (const auto& topic : builder.image().topics()) names.push_back(topic->name);
  return names;
}

TEST(MetadataNode, WritesASnapshotAfterSoManyBytesAndStartsFromIt) {
  aio::SimScheduler scheduler(1);
  base::SeededRandom random(1);
  penstock::testing::SimDisk disk;
  format(disk);
  std::vector<std::string> acked;
  const base::Properties properties{{"metadata.log.max.record.bytes.between.snapshots", "300"}};
  raft::OffsetAndEpoch newest;
  {
    Life life(scheduler, disk, random, properties);
    ASSERT_EQ(life.error, "");
    scheduler.run_for(base::seconds(1));
    for (int i = 0; i < 6; ++i) {
      life.create("t" + std::to_string(i), acked);
      scheduler.run_for(base::seconds(1));
    }
    ASSERT_EQ(acked.size(), 6U);
    const auto written = snapshots(disk);
    ASSERT_GE(written.size(), 3U) << "none but the bootstrap snapshot";
    newest = written.back();
    EXPECT_LE(newest.offset, life.node->raft().high_watermark());
    EXPECT_EQ(life.node->raft().snapshot(), newest);
    ImageBuilder read;
    const auto names = topics_of(disk, newest, read);
    EXPECT_GE(names.size(), 4U);
    EXPECT_EQ(names, std::vector<std::string>(acked.begin(), acked.begin() + std::ssize(names)));
    EXPECT_EQ(*read.image().broker(kafka::NodeId(1)),
              *life.node->images().current()->broker(kafka::NodeId(1)));
    // Nothing new, nothing more.
    scheduler.run_for(base::seconds(10));
    EXPECT_EQ(snapshots(disk), written);
    life.stop(scheduler);
  }
  // What is before the newest snapshot is not looked at.
  disk.crash(random);
  Life life(scheduler, disk, random, properties);
  ASSERT_EQ(life.error, "");
  scheduler.run_for(base::seconds(1));
  for (const auto& name : acked) EXPECT_NE(life.node->images().current()->topic(name), nullptr) << name;
  life.stop(scheduler);
}

TEST(MetadataNode, CleansItsLogUpToASnapshotAndGoesOn) {
  aio::SimScheduler scheduler(1);
  base::SeededRandom random(1);
  penstock::testing::SimDisk disk;
  format(disk);
  std::vector<std::string> acked;
  const base::Properties properties{{"metadata.log.max.record.bytes.between.snapshots", "300"},
                                    {"metadata.max.retention.bytes", "0"}};
  for (int life_number = 0; life_number < 3; ++life_number) {
    Life life(scheduler, disk, random, properties);
    ASSERT_EQ(life.error, "");
    scheduler.run_for(base::seconds(1));
    for (const auto& name : acked) EXPECT_NE(life.node->images().current()->topic(name), nullptr) << name;
    for (int i = 0; i < 5; ++i) {
      life.create("t" + std::to_string(life_number) + "-" + std::to_string(i), acked);
      scheduler.run_for(base::seconds(1));
    }
    scheduler.run_for(base::seconds(70));
    // The newest stays, whatever its size.
    const auto left = snapshots(disk);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(life.node->raft().start_offset(), left.front().offset);
    disk.crash(random);
    life.stop(scheduler);
  }
  EXPECT_EQ(acked.size(), 15U);
}

TEST(MetadataNode, WritesASnapshotAfterTheIntervalWhenThereIsAnythingNew) {
  aio::SimScheduler scheduler(1);
  base::SeededRandom random(1);
  penstock::testing::SimDisk disk;
  format(disk);
  std::vector<std::string> acked;
  Life life(scheduler, disk, random, {{"metadata.log.max.snapshot.interval.ms", "60000"}});
  ASSERT_EQ(life.error, "");
  scheduler.run_for(base::seconds(130));
  EXPECT_EQ(snapshots(disk).size(), 1U);
  life.create("orders", acked);
  scheduler.run_for(base::seconds(1));
  ASSERT_EQ(snapshots(disk).size(), 2U);
  ImageBuilder read;
  EXPECT_EQ(topics_of(disk, snapshots(disk).back(), read), acked);
  life.stop(scheduler);
}

}  // namespace
}  // namespace penstock::metadata
