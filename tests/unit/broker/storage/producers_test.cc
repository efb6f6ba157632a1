#include <gtest/gtest.h>

#include "tests/support/sim_disk.h"
#include "tests/unit/broker/storage/batches.h"

namespace penstock::storage {
namespace {

using kafka::ErrorCode;

class ProducersTest : public ::testing::Test {
 protected:
  ProducersTest() { open({}); }
  void open(LogOptions options) {
    options.disk = &disk_;
    options.directory = "/data/orders-3";
    log_ = std::move(*Log::open(options));
  }
  void restart_cleanly() {
    ASSERT_TRUE(log_->close());
    open({.is_clean = true});
  }
  AppendInfo send(int sequence, int epoch = 0, bool is_transactional = false, std::int64_t producer = 7) {
    return append(*log_, batch({.producer_id = producer,
                                .producer_epoch = static_cast<std::int16_t>(epoch),
                                .sequence = sequence,
                                .is_transactional = is_transactional}));
  }
  testing::SimDisk disk_;
  std::unique_ptr<Log> log_;
};

TEST_F(ProducersTest, LastFiveBatchesAreRecognised) {
  for (int i = 0; i < 7; ++i) EXPECT_EQ(send(i).error, ErrorCode::kNone);
  EXPECT_TRUE(send(2).is_duplicate);
  EXPECT_EQ(send(2).base_offset, Offset{2});
  EXPECT_EQ(send(1).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(9).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(log_->log_end_offset(), Offset{7});
}

TEST_F(ProducersTest, LastFiveBatchesAreRecognisedAfterACleanRestart) {
  // As when a broker stops before it has answered what it appended.
  for (int i = 0; i < 7; ++i) EXPECT_EQ(send(i).error, ErrorCode::kNone);
  restart_cleanly();
  for (int i = 2; i < 7; ++i) {
    EXPECT_TRUE(send(i).is_duplicate) << i;
    EXPECT_EQ(send(i).base_offset, Offset{i});
  }
  EXPECT_EQ(send(1).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(7).base_offset, Offset{7});
}

TEST_F(ProducersTest, LastFiveBatchesAreRecognisedBehindASnapshotAfterACrash) {
  for (int i = 0; i < 6; ++i) EXPECT_EQ(send(i).error, ErrorCode::kNone);
  ASSERT_TRUE(log_->roll(0));
  ASSERT_TRUE(log_->run_jobs());
  ASSERT_TRUE(log_->flush());
  EXPECT_EQ(send(6).error, ErrorCode::kNone);
  open({.recovery_point = log_->recovery_point()});
  for (int i = 2; i < 7; ++i) EXPECT_TRUE(send(i).is_duplicate) << i;
  EXPECT_EQ(send(7).base_offset, Offset{7});
}

TEST_F(ProducersTest, LastFiveBatchesAreRecognisedInSeveralSegmentsAfterACleanRestart) {
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(send(i).error, ErrorCode::kNone);
    ASSERT_TRUE(log_->roll(0));
    ASSERT_TRUE(log_->run_jobs());
  }
  restart_cleanly();
  for (int i = 2; i < 7; ++i) EXPECT_TRUE(send(i).is_duplicate) << i;
  EXPECT_EQ(send(7).base_offset, Offset{7});
}

// While too few replicas are in sync, acks=all is refused and acks=1 goes on: segment after segment by age.
TEST_F(ProducersTest, BatchesAreRecognisedBelowManySmallSegmentsOfOthers) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(i).error, ErrorCode::kNone);
  for (int i = 0; i < 20; ++i) {
    append(*log_, batch({.records = 1}));
    ASSERT_TRUE(log_->roll(0));
    ASSERT_TRUE(log_->run_jobs());
  }
  restart_cleanly();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(i).is_duplicate) << i;
}

TEST_F(ProducersTest, EpochsOnlyGrowAndBeginAtZero) {
  EXPECT_EQ(send(0, 1).error, ErrorCode::kNone);
  EXPECT_EQ(send(3, 2).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(0, 2).error, ErrorCode::kNone);
  EXPECT_EQ(send(1, 1).error, ErrorCode::kInvalidProducerEpoch);
}

TEST_F(ProducersTest, TheFirstBatchMayNotBeOvertaken) {
  // As when the first of two batches on their way was refused because the replica did not lead yet.
  EXPECT_EQ(send(1).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(send(0).error, ErrorCode::kNone);
  EXPECT_EQ(send(1).error, ErrorCode::kNone);
}

TEST_F(ProducersTest, AProducerThatMayHaveBeenForgottenGoesOnWhereItWas) {
  send(0);
  log_->expire_producers(1000 + 86'400'000);
  EXPECT_EQ(send(5).error, ErrorCode::kNone);
}

TEST_F(ProducersTest, AProducerMayHaveBeenForgottenBeforeARestart) {
  send(0);
  restart_cleanly();
  EXPECT_EQ(send(5, 0, false, 8).error, ErrorCode::kNone);
}

TEST_F(ProducersTest, AProducerWhoseBatchesWereDeletedGoesOnWhereItWas) {
  send(0);
  log_->set_high_watermark(Offset{1});
  ASSERT_TRUE(log_->increment_log_start_offset(Offset{1}));
  EXPECT_EQ(send(5, 0, false, 8).error, ErrorCode::kNone);
}

TEST_F(ProducersTest, SequencesWrap) {
  send(0);
  log_->expire_producers(1000 + 86'400'000);
  EXPECT_EQ(send(INT32_MAX).error, ErrorCode::kNone);
  EXPECT_EQ(send(0).error, ErrorCode::kNone);
}

TEST_F(ProducersTest, AreForgottenWhenIdle) {
  send(0);
  log_->expire_producers(1000 + 86'400'000 - 1);
  EXPECT_EQ(log_->producer_count(), 1U);
  log_->expire_producers(1000 + 86'400'000);
  EXPECT_EQ(log_->producer_count(), 0U);
}

TEST_F(ProducersTest, OpenTransactionsHoldTheStableOffsetBack) {
  send(0);
  EXPECT_EQ(send(0, 0, true, 8).base_offset, Offset{1});
  EXPECT_EQ(append(*log_, batch({.producer_id = 8, .sequence = 1})).error, ErrorCode::kInvalidTxnState);
  log_->set_high_watermark(Offset{2});
  EXPECT_EQ(log_->last_stable_offset(), Offset{1});
  append(*log_, marker(8, 0, false, 3), {.origin = AppendOrigin::kCoordinator});
  EXPECT_EQ(log_->last_stable_offset(), Offset{1});
  log_->set_high_watermark(Offset{3});
  EXPECT_EQ(log_->last_stable_offset(), Offset{3});
  const auto aborted = log_->aborted_transactions(Offset{0}, Offset{3});
  ASSERT_TRUE(aborted);
  EXPECT_EQ(*aborted, (std::vector<AbortedTransaction>{{kafka::ProducerId{8}, Offset{1}}}));
  EXPECT_EQ(append(*log_, marker(8, 0, true, 2), {.origin = AppendOrigin::kCoordinator}).error,
            ErrorCode::kTransactionCoordinatorFenced);
}

}  // namespace
}  // namespace penstock::storage
