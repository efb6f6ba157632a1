#include "broker/replication/partition.h"

#include "fixture.h"
#include "kafka/record_batch.h"

namespace penstock::replication {
namespace {

using kafka::ErrorCode;
using kafka::LeaderEpoch;
using kafka::Offset;
using namespace testing;

struct Commit final : CommitWaiter {
  void on_commit(ErrorCode with) override { error = with; }
  std::optional<ErrorCode> error;
};

struct Change final : ChangeWaiter {
  void on_change(std::int64_t more, bool must_answer) override {
    ++calls;
    bytes += more;
    must = must || must_answer;
  }
  int calls = 0;
  std::int64_t bytes = 0;
  bool must = false;
};

class PartitionTest : public ::testing::Test {
 protected:
  PartitionTest() { make({}); }

  void make(PartitionConfig config, storage::LogConfig log_config = {}) {
    partition_.reset();
    ASSERT_TRUE(disk_.remove_all(kDataDirectory + "/orders-0"));
    auto log = storage::Log::open(
        {.disk = &disk_, .directory = kDataDirectory + "/orders-0", .config = log_config, .is_clean = true});
    EXPECT_TRUE(log) << log.error().what();
    partition_ = std::make_unique<Partition>(key_of(0), "orders-0", kSelf, std::move(*log), config);
    partition_->set_peers(peers_of({1, 2, 3}), now_);
  }

  AppendOutcome append(base::Bytes batch, std::int16_t acks = -1) {
    const AppendRequest request{.records = batch, .acks = acks};
    return partition_->append(request, decompressor_, now_, kWallMs);
  }
  void lead(std::vector<int> replicas = {1}, std::vector<int> isr = {1}, int epoch = 0) {
    partition_->become_leader(replica_of(std::move(replicas), std::move(isr), epoch), now_);
  }
  ReadOutcome read(std::int64_t offset, ReadRequest request = {}) {
    request.offset = Offset(offset);
    request.bytes_max = 1 << 20;
    request.may_block = true;
    request.is_memory_required = true;
    return partition_->read(request);
  }
  void follower(int id, std::int64_t offset) { partition_->on_follower_fetch(fetch_of(id, offset), now_); }

  penstock::testing::SimDisk disk_;
  kafka::Decompressor decompressor_;
  base::MonoTime now_{};
  std::unique_ptr<Partition> partition_;
};

TEST_F(PartitionTest, AloneTheHighWatermarkFollowsTheLogAtOnce) {
  EXPECT_EQ(append(batch_of(1)).error, ErrorCode::kNotLeaderOrFollower);
  lead();
  const AppendOutcome first = append(batch_of(3));
  ASSERT_TRUE(first.is_ok()) << first.message;
  EXPECT_EQ(first.base_offset, Offset(0));
  EXPECT_EQ(first.end_offset, Offset(3));
  EXPECT_TRUE(partition_->is_committed(first.end_offset));
  EXPECT_EQ(append(batch_of(2)).base_offset, Offset(3));
  EXPECT_EQ(partition_->high_watermark(), Offset(5));
  const ReadOutcome all = read(0);
  ASSERT_TRUE(all.is_ok());
  const auto batch = kafka::RecordBatchView::parse(all.records.bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->count(), 3);
  EXPECT_TRUE(batch->is_crc_valid());
}

TEST_F(PartitionTest, AcksAllWaitsForTheWholeIsr) {
  lead({1, 2, 3}, {1, 2, 3});
  const AppendOutcome appended = append(batch_of(2));
  ASSERT_TRUE(appended.is_ok());
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
  Commit commit;
  commit.required = appended.end_offset;
  partition_->wait_commit(commit);
  follower(2, 2);
  EXPECT_FALSE(commit.error) << "the third replica has nothing yet";
  follower(3, 1);
  EXPECT_EQ(partition_->high_watermark(), Offset(1));
  EXPECT_FALSE(commit.error);
  follower(3, 2);
  ASSERT_TRUE(commit.error);
  EXPECT_EQ(*commit.error, ErrorCode::kNone);
  follower(9, 100);  // No replica: it has no say.
  EXPECT_EQ(partition_->high_watermark(), Offset(2));
}

TEST_F(PartitionTest, ReplicaAboutToJoinHoldsTheHighWatermarkBack) {
  lead({1, 2}, {1});
  follower(2, 0);  // Caught up with an empty log.
  append(batch_of(4));
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
  partition_->on_isr_answer({.proposed_in = LeaderEpoch(0),
                             .proposed_on = kafka::PartitionEpoch(0),
                             .error = ErrorCode::kIneligibleReplica},
                            now_);
  EXPECT_EQ(partition_->high_watermark(), Offset(0)) << "it may still join at its next fetch";
  now_ += base::seconds(31);  // It has fallen behind for longer than replica.lag.time.max.ms.
  append(batch_of(1));
  EXPECT_EQ(partition_->high_watermark(), Offset(5));
}

TEST_F(PartitionTest, BelowMinIsrAcksAllIsRefusedAndTheHighWatermarkStands) {
  make({.min_insync_replicas = 2});
  lead({1, 2, 3}, {1});
  EXPECT_EQ(append(batch_of(1)).error, ErrorCode::kNotEnoughReplicas);
  EXPECT_EQ(partition_->log_end_offset(), Offset(0));
  EXPECT_TRUE(append(batch_of(1), 1).is_ok());
  EXPECT_EQ(partition_->log_end_offset(), Offset(1));
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
  make({.min_insync_replicas = 2});
  lead({1}, {1});  // min.insync.replicas is never more than there are replicas.
  EXPECT_TRUE(append(batch_of(1)).is_ok());
  EXPECT_EQ(partition_->high_watermark(), Offset(1));
}

TEST_F(PartitionTest, WhoWaitsIsAnsweredWhenLeadershipEnds) {
  lead({1, 2}, {1, 2});
  Commit commit;
  commit.required = append(batch_of(1)).end_offset;
  partition_->wait_commit(commit);
  Change change;
  partition_->wait_change(change);
  partition_->resign(Role::kFollower, kafka::NodeId(2), LeaderEpoch(1));
  EXPECT_EQ(commit.error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_TRUE(change.must);
  EXPECT_EQ(partition_->check_leader(LeaderEpoch(0)), ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(partition_->check_leader(LeaderEpoch(1)), ErrorCode::kNotLeaderOrFollower);
  lead({1, 2}, {1, 2}, 0);
  EXPECT_EQ(partition_->role(), Role::kFollower) << "an old epoch is ignored";
  partition_.reset();
  EXPECT_FALSE(change.is_waiting());
}

TEST_F(PartitionTest, ReadersHearOfWhatBecomesReadable) {
  lead({1, 2}, {1, 2});
  Change consumer;
  Change replica;
  replica.isolation = Isolation::kLogEnd;
  partition_->wait_change(consumer);
  partition_->wait_change(replica);
  append(batch_of(2));
  EXPECT_EQ(consumer.calls, 0);
  EXPECT_EQ(replica.calls, 1);
  follower(2, 2);
  EXPECT_EQ(consumer.calls, 1);
  EXPECT_GT(consumer.bytes, 0);
  EXPECT_EQ(consumer.bytes, replica.bytes);
}

TEST_F(PartitionTest, FetchOffsetsAndEpochsAreChecked) {
  lead({1, 2}, {1, 2}, 5);
  append(batch_of(4));
  follower(2, 2);
  EXPECT_EQ(read(-1).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(read(5).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_TRUE(read(4).is_ok()) << "between high watermark and log end: empty, not out of range";
  EXPECT_EQ(read(3).records.size(), 0U);
  EXPECT_GT(read(3, {.isolation = Isolation::kLogEnd}).records.size(), 0U);
  EXPECT_EQ(read(0, {.current_leader_epoch = LeaderEpoch(4)}).error, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(read(0, {.current_leader_epoch = LeaderEpoch(6)}).error, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_TRUE(read(0, {.current_leader_epoch = LeaderEpoch(5)}).is_ok());
}

TEST_F(PartitionTest, DivergingReaderIsToldWhereItsEpochEnds) {
  lead({1}, {1}, 1);
  append(batch_of(3));
  lead({1}, {1}, 4);
  append(batch_of(2));
  const ReadOutcome diverged = read(5, {.last_fetched_epoch = LeaderEpoch(2)});
  ASSERT_TRUE(diverged.diverging);
  EXPECT_EQ(diverged.diverging->epoch, LeaderEpoch(1));
  EXPECT_EQ(diverged.diverging->end_offset, Offset(3));
  EXPECT_EQ(diverged.records.size(), 0U);
  EXPECT_FALSE(read(3, {.last_fetched_epoch = LeaderEpoch(1)}).diverging);
  EXPECT_TRUE(read(4, {.last_fetched_epoch = LeaderEpoch(1)}).diverging);
  EXPECT_EQ(read(4, {.last_fetched_epoch = LeaderEpoch(9)}).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(partition_->end_of_epoch(LeaderEpoch(4)).end_offset, Offset(5));
}

TEST_F(PartitionTest, DuplicateBatchGetsItsFirstOffset) {
  lead();
  EXPECT_EQ(append(idempotent_batch(2, 40, 0)).base_offset, Offset(0));
  EXPECT_EQ(append(idempotent_batch(3, 40, 2)).base_offset, Offset(2));
  const AppendOutcome again = append(idempotent_batch(2, 40, 0));
  EXPECT_TRUE(again.is_ok());
  EXPECT_EQ(again.base_offset, Offset(0));
  EXPECT_EQ(again.end_offset, Offset(2));
  EXPECT_EQ(partition_->log_end_offset(), Offset(5));
  EXPECT_EQ(append(idempotent_batch(1, 40, 9)).error, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_TRUE(append(idempotent_batch(1, 40, 0, 1)).is_ok());
  EXPECT_EQ(append(idempotent_batch(1, 40, 5, 0)).error, ErrorCode::kInvalidProducerEpoch);
}

TEST_F(PartitionTest, BadBatchesAreRefusedAndLeaveTheLogAsItWas) {
  lead();
  base::Bytes corrupt = batch_of(2);
  corrupt.back() ^= 1;
  EXPECT_EQ(append(corrupt).error, ErrorCode::kCorruptMessage);
  EXPECT_EQ(append({}).error, ErrorCode::kInvalidRecord);
  const AppendOutcome transactional = append(batch_of(1, {.producer_id = kafka::ProducerId(1),
                                                          .producer_epoch = kafka::ProducerEpoch(0),
                                                          .base_sequence = 0,
                                                          .is_transactional = true}));
  EXPECT_EQ(transactional.error, ErrorCode::kInvalidProducerIdMapping);
  const AppendOutcome future = append(batch_of(2, {}, kWallMs + 7'200'000));
  EXPECT_EQ(future.error, ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(future.record_errors.size(), 2U);
  EXPECT_EQ(partition_->log_end_offset(), Offset(0));
}

TEST_F(PartitionTest, LogAppendTimeIsTheBrokersTime) {
  PartitionConfig config;
  config.rules.timestamp_type = kafka::TimestampType::kLogAppendTime;
  make(config);
  lead();
  EXPECT_EQ(append(batch_of(2, {}, 5)).log_append_time_ms, kWallMs);
  const auto batch = kafka::RecordBatchView::parse(read(0).records.bytes);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->max_timestamp(), kWallMs);
  EXPECT_TRUE(batch->is_crc_valid());
}

TEST_F(PartitionTest, OffsetsByTime) {
  lead({1, 2}, {1, 2}, 3);
  append(batch_of(2, {}, 1000));
  append(batch_of(2, {}, 3000));
  append(batch_of(2, {}, 2000));
  const auto at = [this](std::int64_t timestamp, Isolation isolation = Isolation::kReadUncommitted) {
    return partition_->offset_for_timestamp(timestamp, isolation, kafka::kNoLeaderEpoch);
  };
  follower(2, 4);
  EXPECT_EQ(at(kLatestTimestamp).offset, Offset(4));
  EXPECT_EQ(at(kLatestTimestamp).leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(at(kLatestTimestamp, Isolation::kLogEnd).offset, Offset(6));
  EXPECT_EQ(at(kEarliestTimestamp).offset, Offset(0));
  EXPECT_EQ(at(1500).offset, Offset(2));
  EXPECT_EQ(at(1500).timestamp, 3000);
  EXPECT_EQ(at(kMaxTimestamp).timestamp, 3000);
  EXPECT_EQ(at(9000).offset, kafka::kNoOffset);
  EXPECT_EQ(at(kLatestTieredTimestamp).offset, kafka::kNoOffset);
  EXPECT_EQ(partition_->offset_for_timestamp(1, Isolation::kLogEnd, LeaderEpoch(2)).error,
            ErrorCode::kFencedLeaderEpoch);
  // A new leader does not know yet what was committed before it.
  lead({1, 2}, {1, 2}, 4);
  EXPECT_EQ(at(kLatestTimestamp).error, ErrorCode::kOffsetNotAvailable);
  EXPECT_EQ(at(kEarliestTimestamp).error, ErrorCode::kNone);
  follower(2, 6);
  EXPECT_EQ(at(kLatestTimestamp).offset, Offset(6));
}

TEST_F(PartitionTest, DeleteRecordsMovesTheStart) {
  lead();
  append(batch_of(6));
  Change change;
  partition_->wait_change(change);
  EXPECT_EQ(partition_->delete_records(Offset(7)).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(partition_->delete_records(Offset(-2)).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(partition_->delete_records(Offset(2)).low_watermark, Offset(2));
  EXPECT_TRUE(change.must);
  EXPECT_EQ(read(1).error, ErrorCode::kOffsetOutOfRange);
  EXPECT_TRUE(read(2).is_ok());
  EXPECT_EQ(partition_->delete_records(Offset(-1)).low_watermark, Offset(6));
  partition_->set_config({.is_deletion_allowed = false});
  EXPECT_EQ(partition_->delete_records(Offset(6)).error, ErrorCode::kPolicyViolation);
}

TEST_F(PartitionTest, WithFlushMessagesNothingIsCommittedBeforeItIsFlushed) {
  make({}, {.flush_messages = 1});
  lead();
  const AppendOutcome first = append(batch_of(1));
  EXPECT_TRUE(first.is_flush_pending);
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
  Commit all;
  all.required = first.end_offset;
  partition_->wait_commit(all);
  ASSERT_TRUE(partition_->is_flush_wanted());
  storage::FlushJob job = partition_->begin_flush();
  EXPECT_FALSE(partition_->is_flush_wanted()) << "one at a time";
  const AppendOutcome second = append(batch_of(1), 1);
  Commit flushed;
  flushed.required = second.end_offset;
  partition_->wait_flush(flushed);
  partition_->end_flush(job, job.run(), now_, kWallMs);
  EXPECT_EQ(all.error, ErrorCode::kNone);
  EXPECT_EQ(partition_->high_watermark(), Offset(1));
  EXPECT_FALSE(flushed.error) << "it came after the flush had begun";
  ASSERT_TRUE(partition_->is_flush_wanted());
  job = partition_->begin_flush();
  partition_->end_flush(job, job.run(), now_, kWallMs);
  EXPECT_EQ(flushed.error, ErrorCode::kNone);
  EXPECT_EQ(partition_->high_watermark(), Offset(2));
}

TEST_F(PartitionTest, AfterADiskErrorItIsOffline) {
  lead({1, 2}, {1, 2});
  Commit commit;
  commit.required = append(batch_of(1)).end_offset;
  partition_->wait_commit(commit);
  partition_->fail(base::Error(base::Errc::kIo, "write orders-0: input/output error"));
  EXPECT_EQ(commit.error, ErrorCode::kKafkaStorageError);
  EXPECT_EQ(append(batch_of(1)).error, ErrorCode::kKafkaStorageError);
  EXPECT_EQ(read(0).error, ErrorCode::kKafkaStorageError);
  lead({1, 2}, {1, 2}, 9);
  EXPECT_EQ(partition_->role(), Role::kOffline);
}

}  // namespace
}  // namespace penstock::replication
