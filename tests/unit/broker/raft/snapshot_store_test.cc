// Which snapshots there are, which may go, and a log that begins at one.
#include "broker/raft/snapshot_store.h"

#include <gtest/gtest.h>

#include "broker/raft/snapshot_file.h"
#include "broker/raft/storage_raft_log.h"
#include "kafka/record_batch_builder.h"
#include "tests/support/sim_disk.h"

namespace penstock::raft {
namespace {

using penstock::testing::SimDisk;

const std::string kDirectory = "/data/__cluster_metadata-0";

OffsetAndEpoch at(std::int64_t offset, std::int32_t epoch) { return {Offset(offset), LeaderEpoch(epoch)}; }

VoterSet voters(int count) {
  VoterSet set;
  for (int id = 1; id <= count; ++id) {
    Voter voter;
    voter.key = {NodeId(id), base::Uuid{1, static_cast<std::uint64_t>(id)}};
    set.push_back(voter);
  }
  return set;
}

void write_snapshot(base::Disk& disk, const OffsetAndEpoch& id, std::int64_t timestamp, int voter_count = 1) {
  ASSERT_TRUE(disk.create_directories(kDirectory));
  auto writer = SnapshotWriter::create(
      disk, kDirectory, id,
      {.epoch = id.epoch, .last_contained_log_timestamp_ms = timestamp, .voters = voters(voter_count)});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->add_batch({{1, 2, 3}}));
  ASSERT_TRUE(writer->finish());
}

base::Result<std::unique_ptr<StorageRaftLog>> open(base::Disk& disk) {
  return StorageRaftLog::open({.disk = &disk, .directory = kDirectory});
}

void append(StorageRaftLog& log, int count, std::int32_t epoch) {
  for (int i = 0; i < count; ++i) {
    kafka::RecordBatchBuilder batch({.base_offset = log.end_offset(), .leader_epoch = LeaderEpoch(epoch)});
    const std::uint8_t content = 7;
    batch.append(0, std::nullopt, base::ByteSpan(&content, 1));
    ASSERT_TRUE(log.append(*batch.build()));
  }
  auto flush = log.begin_flush();
  log.finish_flush(flush.run());
}

TEST(SnapshotStore, SweepsAwayLitterAndWhatLiesBeforeTheLog) {
  SimDisk disk;
  write_snapshot(disk, at(0, 0), 0);
  write_snapshot(disk, at(80, 3), 4000);
  write_snapshot(disk, at(90, 3), 5000);
  ASSERT_TRUE(SnapshotFile::create(disk, kDirectory, at(100, 3), "fetched"));
  ASSERT_TRUE(base::write_file_atomically(
      disk, kDirectory + "/00000000000000000070-0000000003.checkpoint.deleted", {}));
  const auto store = SnapshotStore::recover(disk, kDirectory, Offset(50));
  ASSERT_TRUE(store) << store.error().what();
  EXPECT_EQ(store->earliest(), at(80, 3));
  EXPECT_EQ(store->latest(), at(90, 3));
  EXPECT_EQ(store->find(at(90, 3))->last_timestamp_ms, 5000);
  EXPECT_EQ(disk.files().size(), 2U);
}

TEST(SnapshotStore, RefusesALogWhoseBeginNoSnapshotHas) {
  SimDisk disk;
  write_snapshot(disk, at(40, 3), 0);
  const auto store = SnapshotStore::recover(disk, kDirectory, Offset(50));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(disk.files().size(), 1U) << "what is left is kept for people to look at";
}

TEST(SnapshotStore, LetsGoBySizeAndByAgeButNeverOfTheNewest) {
  SnapshotStore store;
  store.add(at(10, 1), {.size_bytes = 100, .last_timestamp_ms = 1000});
  store.add(at(20, 1), {.size_bytes = 100, .last_timestamp_ms = 2000});
  store.add(at(15, 2), {.size_bytes = 100, .last_timestamp_ms = 3000});
  EXPECT_EQ(store.latest(), at(15, 2)) << "a later epoch is newer, whatever the offset";
  EXPECT_EQ(store.next_oldest({.bytes = 350}, 50, 0), std::nullopt);
  EXPECT_EQ(store.next_oldest({.bytes = 349}, 50, 0), at(20, 1));
  EXPECT_EQ(store.next_oldest({.ms = 500}, 50, 1500), std::nullopt);
  EXPECT_EQ(store.next_oldest({.ms = 500}, 50, 1501), at(20, 1));
  EXPECT_EQ(store.next_oldest({}, 1 << 30, 1 << 30), std::nullopt);
  EXPECT_EQ(store.forget_before(at(15, 2)), (std::vector<OffsetAndEpoch>{at(10, 1), at(20, 1)}));
  EXPECT_EQ(store.next_oldest({.bytes = 0, .ms = 0}, 50, 1 << 30), std::nullopt);
}

TEST(StorageRaftLog, BeginsAnewBehindASnapshotThatIsAheadOfIt) {
  // Fetched from the leader, then the node was killed: ahead by length in one case, by epoch in the other.
  for (const auto& id : {at(100, 3), at(10, 4)}) {
    SCOPED_TRACE(id.offset.value());
    SimDisk disk;
    write_snapshot(disk, at(0, 0), 0);
    {
      auto log = open(disk);
      ASSERT_TRUE(log) << log.error().what();
      append(**log, 20, 3);
      ASSERT_TRUE((*log)->close());
    }
    write_snapshot(disk, id, 0, 3);
    const auto log = open(disk);
    ASSERT_TRUE(log) << log.error().what();
    EXPECT_EQ((*log)->start_offset(), id.offset);
    EXPECT_EQ((*log)->end_offset(), id.offset);
    EXPECT_EQ((*log)->last_epoch(), id.epoch);
    EXPECT_EQ((*log)->end_of(LeaderEpoch(2)), id);
    EXPECT_EQ((*log)->voters(), voters(3));
    EXPECT_EQ((*log)->earliest_snapshot(), id) << "older snapshots are of no use";
    append(**log, 1, id.epoch.value());
    EXPECT_EQ((*log)->end_offset(), id.offset + 1);
  }
}

TEST(StorageRaftLog, IsCleanedUpToASnapshotAndBeginsThereAlsoAfterARestart) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    SimDisk disk;
    write_snapshot(disk, at(0, 0), 0);
    const auto open_small = [&] {
      return StorageRaftLog::open({.disk = &disk, .directory = kDirectory, .segment_bytes = 1000});
    };
    {
      auto log = open_small();
      ASSERT_TRUE(log);
      append(**log, 100, 3);
      for (const auto& id : {at(40, 3), at(70, 3), at(90, 3)}) {
        write_snapshot(disk, id, id.offset.value() * 1000);
        (*log)->add_snapshot(id, {.size_bytes = 300, .last_timestamp_ms = id.offset.value() * 1000});
      }
      EXPECT_EQ((*log)->start_offset(), Offset(0));
      // All but the last two are too old.
      auto jobs = (*log)->clean({.ms = 20'000}, 75'000);
      ASSERT_TRUE(jobs);
      EXPECT_EQ((*log)->earliest_snapshot(), at(70, 3));
      EXPECT_EQ((*log)->start_offset(), Offset(70));
      EXPECT_EQ((*log)->end_of(LeaderEpoch(3)), at(100, 3));
      EXPECT_EQ((*log)->end_of(LeaderEpoch(2)).offset, Offset(70));
      base::SeededRandom random(seed);
      for (auto& job : *jobs) {
        if (random.below(3) == 0) break;  // Killed, or the power goes, in the midst of it.
        ASSERT_TRUE(job.run());
      }
      if (seed % 2 == 0) disk.crash(random);
    }
    const auto log = open_small();
    ASSERT_TRUE(log) << log.error().what();
    EXPECT_EQ((*log)->end_offset(), Offset(100));
    EXPECT_EQ((*log)->latest_snapshot(), at(90, 3));
    ASSERT_TRUE((*log)->earliest_snapshot());
    if ((*log)->start_offset() > Offset(0)) {
      EXPECT_EQ((*log)->start_offset(), (*log)->earliest_snapshot()->offset);
    }
    EXPECT_TRUE((*log)->read((*log)->start_offset(), 100));
  }
}

TEST(StorageRaftLog, AnUnknownEpochEndsWhereTheLogDoes) {
  SimDisk disk;
  write_snapshot(disk, at(0, 0), 0);
  const auto log = open(disk);
  ASSERT_TRUE(log);
  append(**log, 5, 3);
  EXPECT_EQ((*log)->end_of(LeaderEpoch(9)), at(5, 3));
  EXPECT_EQ((*log)->end_of(LeaderEpoch(3)), at(5, 3));
}

}  // namespace
}  // namespace penstock::raft
