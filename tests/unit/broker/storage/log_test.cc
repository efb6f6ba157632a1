#include "broker/storage/log.h"

#include <gtest/gtest.h>

#include "broker/storage/tail_cache.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/broker/storage/batches.h"

namespace penstock::storage {
namespace {

class LogTest : public ::testing::Test {
 protected:
  LogOptions options() {
    LogOptions o;
    o.disk = &disk_;
    o.directory = "/data/orders-3";
    o.config.index_interval_bytes = 300;
    return o;
  }
  std::unique_ptr<Log> open(LogOptions o) {
    auto log = Log::open(std::move(o));
    EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().what());
    return log ? std::move(*log) : nullptr;
  }
  testing::SimDisk disk_;
};

TEST_F(LogTest, AssignsOffsetsAndLeaderEpoch) {
  auto log = open(options());
  EXPECT_EQ(append(*log, batch({.records = 3})).base_offset, Offset{0});
  const AppendInfo second = append(*log, batch({.records = 2}), {.epoch = LeaderEpoch{4}});
  EXPECT_EQ(second.base_offset, Offset{3});
  EXPECT_EQ(second.last_offset, Offset{4});
  EXPECT_EQ(log->log_end_offset(), Offset{5});
  const base::Bytes all = read_all(*log, Offset{0});
  EXPECT_EQ(base_offsets(all), (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(log->latest_epoch(), LeaderEpoch{4});
  EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{0}), (EpochEndOffset{LeaderEpoch{0}, Offset{3}}));
  kafka::BatchCursor cursor(all);
  for (auto next = cursor.next(); next && *next; next = cursor.next()) EXPECT_TRUE((*next)->is_crc_valid());
}

TEST_F(LogTest, WithFlushMessagesWhatAKilledRunLeftUnflushedIsFlushedWhenItIsOpened) {
  LogOptions o = options();
  o.config.flush_messages = 1;
  auto log = open(o);
  append(*log, batch({.records = 3}));
  log = nullptr;  // Killed: the page cache is still there.
  log = open(o);
  ASSERT_EQ(log->log_end_offset(), Offset{3});
  EXPECT_EQ(log->recovery_point(), Offset{3});
  base::SeededRandom random(1);
  disk_.crash(random);
  log = open(o);
  EXPECT_EQ(log->log_end_offset(), Offset{3});
}

TEST_F(LogTest, ReadsFromTheMiddleOfABatchAndStopsAtTheBound) {
  for (const std::int64_t cache_bytes : {std::int64_t{0}, std::int64_t{1 << 20}}) {
    LogOptions o = options();
    o.directory += std::to_string(cache_bytes);
    o.tail_cache_bytes_max = cache_bytes;
    auto log = open(o);
    for (int i = 0; i < 20; ++i) append(*log, batch({.records = 5}));
    auto middle = log->read({.from = Offset{52}, .bytes_max = 1});
    ASSERT_TRUE(middle);
    EXPECT_EQ(base_offsets(middle->records.bytes), (std::vector<std::int64_t>{50}));
    auto none = log->read({.from = Offset{52}, .bytes_max = 1, .is_one_batch_required = false});
    ASSERT_TRUE(none);
    EXPECT_EQ(none->records.size(), 0U);
    auto bounded = log->read({.from = Offset{50}, .end = Offset{60}});
    ASSERT_TRUE(bounded);
    EXPECT_EQ(base_offsets(bounded->records.bytes), (std::vector<std::int64_t>{50, 55}));
    auto inside = log->read({.from = Offset{50}, .end = Offset{57}});
    EXPECT_EQ(base_offsets(inside->records.bytes), (std::vector<std::int64_t>{50}));
    auto at_end = log->read({.from = Offset{100}});
    ASSERT_TRUE(at_end);
    EXPECT_EQ(at_end->records.size(), 0U);
    EXPECT_EQ(log->read({.from = Offset{101}}).error().code(), base::Errc::kOutOfRange);
  }
}

TEST_F(LogTest, TheTailIsKeptInMemoryOnlyForReaders) {
  LogOptions o = options();
  o.tail_cache_bytes_max = 64 << 10;
  o.tail_cache_budget = std::make_shared<TailCacheBudget>(1 << 20);
  auto log = open(o);
  const auto append_some = [&] {
    for (int i = 0; i < 100; ++i) append(*log, batch({.records = 10}));
  };
  append_some();
  EXPECT_EQ(o.tail_cache_budget->used(), 0);
  // A reader far behind changes nothing, one near the end does.
  ASSERT_TRUE(log->read({.from = Offset{0}}));
  append(*log, batch({.records = 10}));
  EXPECT_EQ(o.tail_cache_budget->used(), 0);
  ASSERT_TRUE(log->read({.from = log->log_end_offset() - 1}));
  append(*log, batch({.records = 10}));
  EXPECT_GT(o.tail_cache_budget->used(), 0);
  EXPECT_EQ(base_offsets(read_all(*log, Offset{0})).size(), 102U);
  append_some();
  EXPECT_EQ(o.tail_cache_budget->used(), 0);
}

TEST_F(LogTest, RollsBySizeAndReadsAcrossSegments) {
  LogOptions o = options();
  o.config.segment_bytes = 1000;
  o.tail_cache_bytes_max = 0;
  auto log = open(o);
  base::Bytes expected;
  for (int i = 0; i < 50; ++i) {
    base::Bytes bytes = batch({.records = 2, .timestamp = 1000 + 10 * i});
    ASSERT_TRUE(log->append_as_leader(bytes, {}));
    expected.insert(expected.end(), bytes.begin(), bytes.end());
  }
  EXPECT_GT(log->segment_count(), 10U);
  EXPECT_EQ(read_all(*log, Offset{0}, 700), expected);
  ASSERT_TRUE(log->run_jobs());
  EXPECT_EQ(read_all(*log, Offset{0}), expected);
  EXPECT_EQ(log->size_bytes(), static_cast<std::int64_t>(expected.size()));
}

TEST_F(LogTest, RollsByRecordTime) {
  LogOptions o = options();
  o.config.segment_ms = 1000;
  auto log = open(o);
  append(*log, batch({.timestamp = 5000}));
  append(*log, batch({.timestamp = 6000}));
  EXPECT_EQ(log->segment_count(), 1U);
  EXPECT_TRUE(append(*log, batch({.timestamp = 6001})).has_rolled);
  EXPECT_EQ(log->segment_count(), 2U);
}

TEST_F(LogTest, OpensAgainAfterACleanClose) {
  LogOptions o = options();
  o.config.segment_bytes = 1000;
  auto log = open(o);
  for (int i = 0; i < 30; ++i)
    append(*log, batch({.records = 2, .producer_id = 7, .sequence = 2 * i}), {.epoch = LeaderEpoch{i / 10}});
  const base::Bytes before = read_all(*log, Offset{0});
  ASSERT_TRUE(log->close());
  EXPECT_FALSE(log->append_as_leader(*std::make_unique<base::Bytes>(batch({})), {}));
  o.is_clean = true;
  log = open(o);
  EXPECT_TRUE(log->recovery().was_clean);
  EXPECT_EQ(log->recovery().scanned_bytes, 0);
  EXPECT_EQ(log->log_end_offset(), Offset{60});
  EXPECT_EQ(read_all(*log, Offset{0}), before);
  EXPECT_EQ(log->latest_epoch(), LeaderEpoch{2});
  EXPECT_TRUE(append(*log, batch({.records = 2, .producer_id = 7, .sequence = 58})).is_duplicate);
  EXPECT_EQ(append(*log, batch({.records = 2, .producer_id = 7, .sequence = 60})).base_offset, Offset{60});
}

TEST_F(LogTest, DropsATornTailAndNamesIt) {
  auto log = open(options());
  for (int i = 0; i < 10; ++i) append(*log, batch({.timestamp = 1000 + i}));
  ASSERT_TRUE(log->flush());
  const std::int64_t size = log->size_bytes();
  const Offset flushed = log->recovery_point();
  append(*log, batch({}));
  log.reset();
  auto file = disk_.open("/data/orders-3/00000000000000000000.log", base::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->truncate(size + 80));
  LogOptions o = options();
  o.recovery_point = flushed;
  log = open(o);
  EXPECT_EQ(log->log_end_offset(), Offset{10});
  EXPECT_EQ(log->recovery().bad_position, size);
  EXPECT_EQ(log->recovery().bad_file, "/data/orders-3/00000000000000000000.log");
  EXPECT_EQ(log->recovery().dropped_bytes, 80);
  EXPECT_FALSE(log->recovery().is_mid_log);
  EXPECT_EQ(log->size_bytes(), size);
}

TEST_F(LogTest, TellsDamageInTheMiddleFromATornTail) {
  auto log = open(options());
  append(*log, batch({}));
  const std::int64_t position = log->size_bytes();
  for (int i = 0; i < 5; ++i) append(*log, batch({}));
  log.reset();
  disk_.corrupt("/data/orders-3/00000000000000000000.log", position + 70, 0x10);
  log = open(options());
  EXPECT_EQ(log->log_end_offset(), Offset{1});
  EXPECT_EQ(log->recovery().bad_position, position);
  EXPECT_TRUE(log->recovery().is_mid_log);
}

TEST_F(LogTest, ZerosOfAPreallocatedFileAreItsEnd) {
  auto log = open(options());
  append(*log, batch({}));
  const std::int64_t size = log->size_bytes();
  log.reset();
  auto file = disk_.open("/data/orders-3/00000000000000000000.log", base::OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->truncate(size + 100'000));
  log = open(options());
  EXPECT_EQ(log->log_end_offset(), Offset{1});
  EXPECT_EQ(log->size_bytes(), size);
  EXPECT_FALSE(log->recovery().is_mid_log);
}

TEST_F(LogTest, ScansOnlyWhatWasNotFlushed) {
  auto log = open(options());
  for (int i = 0; i < 1000; ++i) append(*log, batch({.timestamp = 1000 + i, .value_bytes = 10000}));
  ASSERT_TRUE(log->flush());
  const Offset flushed = log->recovery_point();
  append(*log, batch({}));
  ASSERT_TRUE(log->run_jobs());
  LogOptions o = options();
  o.recovery_point = flushed;
  log = open(o);
  EXPECT_EQ(log->log_end_offset(), Offset{1001});
  EXPECT_LT(log->recovery().scanned_bytes, 200'000);
}

TEST_F(LogTest, IsPoisonedByAFailedWriteOrSync) {
  auto log = open(options());
  append(*log, batch({}));
  disk_.fail_syncs(true);
  EXPECT_EQ(log->flush().error().code(), base::Errc::kIo);
  disk_.fail_syncs(false);
  EXPECT_TRUE(log->is_poisoned());
  base::Bytes bytes = batch({});
  EXPECT_EQ(log->append_as_leader(bytes, {}).error().code(), base::Errc::kIo);
  EXPECT_EQ(log->recovery_point(), Offset{0});

  log = open(options());
  disk_.set_capacity(10);
  EXPECT_EQ(log->append_as_leader(bytes, {}).error().code(), base::Errc::kNoSpace);
  EXPECT_TRUE(log->is_poisoned());
}

TEST_F(LogTest, FollowerTakesBatchesAsTheyAre) {
  auto log = open(options());
  base::Bytes bytes = batch({.records = 3, .base_offset = 0, .leader_epoch = 2});
  const base::Bytes next = batch({.records = 1, .base_offset = 10, .leader_epoch = 5});
  bytes.insert(bytes.end(), next.begin(), next.end());
  const std::size_t whole = bytes.size();
  bytes.insert(bytes.end(), next.begin(), next.begin() + 30);
  auto info = log->append_as_follower(bytes, 0);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->bytes, static_cast<std::int64_t>(whole));
  EXPECT_EQ(log->log_end_offset(), Offset{11});
  EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{3}), (EpochEndOffset{LeaderEpoch{2}, Offset{10}}));
  EXPECT_EQ(log->append_as_follower(next, 0).error().code(), base::Errc::kOutOfRange);
  base::Bytes bad = batch({.base_offset = 11});
  bad.back() ^= 1;
  EXPECT_EQ(log->append_as_follower(bad, 0).error().code(), base::Errc::kCorrupt);
}

TEST_F(LogTest, TruncatesIntoAnEarlierSegment) {
  LogOptions o = options();
  o.config.segment_bytes = 1000;
  auto log = open(o);
  for (int i = 0; i < 40; ++i)
    append(*log, batch({.timestamp = 1000 + i, .producer_id = 1, .sequence = i}),
           {.epoch = LeaderEpoch{i / 8}});
  log->set_high_watermark(Offset{30});
  ASSERT_TRUE(log->truncate_to(Offset{17}));
  EXPECT_EQ(log->log_end_offset(), Offset{17});
  EXPECT_EQ(log->high_watermark(), Offset{17});
  EXPECT_EQ(log->latest_epoch(), LeaderEpoch{2});
  EXPECT_EQ(append(*log, batch({.timestamp = 7, .producer_id = 1, .sequence = 17})).base_offset, Offset{17});
  ASSERT_TRUE(log->run_jobs());
  EXPECT_EQ(base_offsets(read_all(*log, Offset{0})).size(), 18U);
  EXPECT_EQ(log->offset_of_max_timestamp().value()->offset, Offset{16});
}

TEST_F(LogTest, StartsAgainElsewhere) {
  auto log = open(options());
  for (int i = 0; i < 5; ++i) append(*log, batch({}));
  ASSERT_TRUE(log->truncate_fully_and_start_at(Offset{100}));
  EXPECT_EQ(log->log_start_offset(), Offset{100});
  EXPECT_EQ(append(*log, batch({})).base_offset, Offset{100});
  ASSERT_TRUE(log->run_jobs());
  ASSERT_TRUE(log->close());
  LogOptions o = options();
  o.is_clean = true;
  log = open(o);
  EXPECT_EQ(log->log_start_offset(), Offset{100});
  EXPECT_EQ(log->log_end_offset(), Offset{101});
}

TEST_F(LogTest, FileRangesComeWithALeaseThatOutlivesTheSegment) {
  testing::TempDir directory;
  base::PosixDisk posix;
  LogOptions o = options();
  o.disk = &posix;
  o.directory = directory.path() + "/orders-3";
  o.config.segment_bytes = 100'000;
  o.tail_cache_bytes_max = 0;
  auto log = open(o);
  base::Bytes first = batch({.value_bytes = 50'000});
  ASSERT_TRUE(log->append_as_leader(first, {}));
  for (int i = 0; i < 5; ++i) append(*log, batch({.value_bytes = 50'000}));
  auto result = log->read({.from = Offset{0}, .bytes_max = 1});
  ASSERT_TRUE(result && result->records.is_file());
  log->set_high_watermark(log->log_end_offset());
  ASSERT_TRUE(log->increment_log_start_offset(Offset{5}));
  EXPECT_GE(log->apply_retention(0).value(), 1U);
  ASSERT_TRUE(log->run_jobs());
  log.reset();
  base::Bytes content(first.size());
  ASSERT_EQ(::pread(result->records.descriptor, content.data(), content.size(), result->records.position),
            static_cast<ssize_t>(first.size()));
  EXPECT_EQ(content, first);
}

TEST_F(LogTest, ColdReadsAreAnsweredWithAWarmUpJob) {
  testing::TempDir directory;
  base::PosixDisk posix;
  LogOptions o = options();
  o.disk = &posix;
  o.directory = directory.path() + "/orders-3";
  o.config.segment_bytes = 10'000;
  auto log = open(o);
  for (int i = 0; i < 50; ++i) append(*log, batch({.value_bytes = 1000}));
  ASSERT_TRUE(log->close());
  o.is_clean = true;
  log = open(o);
  ReadRequest request{.from = Offset{0}, .may_block = false};
  auto cold = log->read(request);
  ASSERT_TRUE(cold && cold->warm_up);
  EXPECT_EQ(cold->records.size(), 0U);
  ASSERT_TRUE(cold->warm_up->run());
  request.may_block = true;
  auto warm = log->read(request);
  ASSERT_TRUE(warm);
  EXPECT_GT(warm->records.size(), 0U);
  request.may_block = false;
  EXPECT_FALSE(log->read(request)->warm_up);
}

}  // namespace
}  // namespace penstock::storage
