#include "broker/storage/log_directory.h"

#include <gtest/gtest.h>

#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/broker/storage/batches.h"

namespace penstock::storage {
namespace {

const base::Uuid kTopicId{1, 2};
const MetaProperties kMeta{.cluster_id = "abc==", .node_id = kafka::NodeId{3}, .directory_id = {5, 6}};
const TopicPartition kOrders{"or-ders", kafka::PartitionId{3}};

std::unique_ptr<LogDirectory> open(base::Disk& disk, const std::string& path) {
  auto directory = LogDirectory::open(disk, path);
  EXPECT_TRUE(directory) << directory.error().what();
  return std::move(*directory);
}

TEST(LogDirectory, RemembersACleanStop) {
  testing::SimDisk disk;
  ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
  auto directory = open(disk, "/data");
  EXPECT_EQ(directory->meta().cluster_id, "abc==");
  EXPECT_FALSE(directory->was_clean());
  auto log = directory->create_log(kOrders, kTopicId, {});
  ASSERT_TRUE(log) << log.error().what();
  append(**log, batch({.records = 4}));
  ASSERT_TRUE((*log)->close());
  ASSERT_TRUE(directory->checkpoint({{kOrders, {Offset{4}, Offset{2}, Offset{1}}}}));
  ASSERT_TRUE(directory->shut_down_cleanly(kafka::BrokerEpoch{12}));

  directory = open(disk, "/data");
  EXPECT_TRUE(directory->was_clean());
  EXPECT_EQ(directory->previous_broker_epoch(), kafka::BrokerEpoch{12});
  const auto partitions = directory->partitions();
  ASSERT_TRUE(partitions && partitions->size() == 1);
  EXPECT_EQ(partitions->front().partition, kOrders);
  EXPECT_EQ(partitions->front().topic_id, kTopicId);
  log = directory->open_log(kOrders, {});
  ASSERT_TRUE(log);
  EXPECT_EQ((*log)->high_watermark(), Offset{2});
  EXPECT_EQ((*log)->log_start_offset(), Offset{1});
  EXPECT_FALSE(open(disk, "/data")->was_clean());
}

TEST(LogDirectory, ATopicMadeAnewHasNothingOfTheOldOnesOffsets) {
  testing::SimDisk disk;
  ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
  auto directory = open(disk, "/data");
  ASSERT_TRUE(directory->create_log(kOrders, kTopicId, {}));
  ASSERT_TRUE(directory->checkpoint({{kOrders, {Offset{900}, Offset{900}, Offset{500}}}}));
  ASSERT_TRUE(directory->delete_log(kOrders, kTopicId));
  auto log = directory->create_log(kOrders, base::Uuid{7, 7}, {});
  ASSERT_TRUE(log) << log.error().what();
  append(**log, batch({.records = 4}));
  ASSERT_TRUE((*log)->flush());
  log->reset();

  directory = open(disk, "/data");  // The broker was killed before the next checkpoint.
  auto again = directory->open_log(kOrders, {});
  ASSERT_TRUE(again) << again.error().what();
  EXPECT_EQ((*again)->log_start_offset(), Offset{0});
  EXPECT_EQ((*again)->log_end_offset(), Offset{4});
}

TEST(LogDirectory, ALogWhoseRemovalWasLostWithThePowerIsThereAgain) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    testing::SimDisk disk;
    base::SeededRandom random(seed);
    ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
    auto directory = open(disk, "/data");
    ASSERT_TRUE(directory->create_log(kOrders, kTopicId, {}));
    disk.fail_syncs(true);
    EXPECT_FALSE(directory->delete_log(kOrders, kTopicId));
    disk.fail_syncs(false);
    disk.crash(random);
    const auto partitions = open(disk, "/data")->partitions();
    ASSERT_TRUE(partitions);
    // Whatever the directory holds has its name, so that the next topic of that name does not begin with it.
    for (const auto& partition : *partitions) EXPECT_EQ(partition.topic_id, kTopicId);
    const bool is_there = disk.exists("/data/or-ders-3/partition.metadata");
    EXPECT_EQ(partitions->size(), is_there ? 1U : 0U);
    found += is_there ? 1 : 0;
  }
  EXPECT_GT(found, 0);
}

TEST(LogDirectory, LateJobsOfADeletedLogLeaveTheNewOneAlone) {
  testing::SimDisk disk;
  ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
  auto directory = open(disk, "/data");
  auto log = directory->create_log(kOrders, kTopicId, {});
  ASSERT_TRUE(log);
  append(**log, batch({.records = 4}), {.epoch = LeaderEpoch{5}});
  ASSERT_TRUE((*log)->roll(0));
  auto late = (*log)->take_jobs();
  ASSERT_FALSE(late.empty());
  ASSERT_TRUE(directory->delete_log(kOrders, kTopicId));
  log->reset();
  ASSERT_TRUE(directory->create_log(kOrders, base::Uuid{7, 7}, {}));
  const auto before = disk.list("/data/or-ders-3");
  for (BackgroundJob& job : late) EXPECT_TRUE(job.run()) << job.what;
  EXPECT_EQ(disk.list("/data/or-ders-3")->size(), before->size());
}

TEST(LogDirectory, ACheckpointKeepsThePartitionsThatAreNotOpenYet) {
  testing::SimDisk disk;
  ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
  auto directory = open(disk, "/data");
  auto log = directory->create_log(kOrders, kTopicId, {});
  ASSERT_TRUE(log);
  append(**log, batch({.records = 4}));
  ASSERT_TRUE((*log)->flush());
  ASSERT_TRUE(directory->checkpoint({{kOrders, {Offset{4}, Offset{4}, Offset{3}}}}));
  log->reset();
  directory = open(disk, "/data");
  ASSERT_TRUE(directory->checkpoint({}));
  directory = open(disk, "/data");
  auto again = directory->open_log(kOrders, {});
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->log_start_offset(), Offset{3});
}

TEST(LogDirectory, DeletesByRenameAndThenRemoval) {
  testing::SimDisk disk;
  ASSERT_TRUE(write_meta_properties(disk, "/data", kMeta, 0));
  auto directory = open(disk, "/data");
  ASSERT_TRUE(directory->create_log(kOrders, kTopicId, {}));
  ASSERT_TRUE(directory->delete_log(kOrders, kTopicId));  // The job is lost, as in a crash.
  EXPECT_TRUE(directory->partitions()->empty());
  auto leftovers = directory->deleted_leftovers();
  ASSERT_TRUE(leftovers && leftovers->size() == 1);
  ASSERT_TRUE(leftovers->front().run());
  EXPECT_TRUE(directory->deleted_leftovers()->empty());
}

TEST(LogDirectory, IsLockedAndMustBeFormatted) {
  testing::TempDir root;
  base::PosixDisk disk;
  EXPECT_EQ(LogDirectory::open(disk, root.path()).error().code(), base::Errc::kNotFound);
  ASSERT_TRUE(write_meta_properties(disk, root.path(), kMeta, 0));
  auto first = open(disk, root.path());
  EXPECT_EQ(LogDirectory::open(disk, root.path()).error().code(), base::Errc::kUnavailable);
}

TEST(Retention, RemovesByTimeSizeAndLogStart) {
  testing::SimDisk disk;
  LogOptions options;
  options.disk = &disk;
  options.directory = "/data/orders-3";
  options.config.segment_bytes = 1000;
  options.config.retention_ms = 500;
  auto log = std::move(*Log::open(options));
  for (int i = 0; i < 30; ++i) append(*log, batch({.timestamp = 1000 + 100 * i}));
  EXPECT_EQ(log->apply_retention(1'000'000).value(), 0U) << "nothing above the high watermark goes";
  log->set_high_watermark(log->log_end_offset());
  EXPECT_GT(log->apply_retention(2500).value(), 0U);
  const auto oldest = log->offset_for_timestamp(0);
  ASSERT_TRUE(oldest && *oldest);
  EXPECT_GE((*oldest)->timestamp, 1000);
  EXPECT_EQ((*oldest)->offset, log->log_start_offset());
  EXPECT_EQ(log->offset_for_timestamp(3000).value()->offset, Offset{20});
  EXPECT_FALSE(log->offset_for_timestamp(3901).value());
  LogConfig config = options.config;
  config.retention_ms = -1;
  config.retention_bytes = 1500;
  log->set_config(config);
  EXPECT_GT(log->apply_retention(0).value(), 0U);
  EXPECT_GE(log->size_bytes(), 1500);
  EXPECT_LT(log->size_bytes(), 2500);
}

}  // namespace
}  // namespace penstock::storage
