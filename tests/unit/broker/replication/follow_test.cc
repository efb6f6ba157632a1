// A follower's partition: what it takes from its leader, what it refuses, and where it truncates.
#include "broker/replication/partition.h"

#include "fixture.h"
#include "kafka/record_batch.h"

namespace penstock::replication {
namespace {

using kafka::ErrorCode;
using kafka::LeaderEpoch;
using kafka::NodeId;
using kafka::Offset;
using namespace testing;

class FollowTest : public ::testing::Test {
 protected:
  FollowTest() {
    auto log = storage::Log::open(
        {.disk = &disk_, .directory = kDataDirectory + "/orders-0", .config = {}, .is_clean = true});
    EXPECT_TRUE(log) << log.error().what();
    partition_ =
        std::make_unique<Partition>(key_of(0), "orders-0", kSelf, std::move(*log), PartitionConfig{});
  }

  void follow(int epoch) { partition_->follow(replica_of({1, 2}, {1, 2}, epoch, 0, 2)); }
  // As the leader has it: `records` of them from `base` in `epoch`.
  static base::Bytes batch_at(std::int64_t base, int records, int epoch) {
    base::Bytes batch = batch_of(records);
    kafka::set_base_offset(batch, Offset(base));
    kafka::set_leader_epoch(batch, LeaderEpoch(epoch));
    return batch;
  }
  base::Result<> take(const base::Bytes& records, std::int64_t high_watermark, std::int64_t log_start = 0) {
    return partition_->append_from_leader(
        {.records = records, .high_watermark = Offset(high_watermark), .log_start_offset = Offset(log_start)},
        kWallMs);
  }
  base::Result<> agree(int epoch, std::int64_t end) {
    return partition_->truncate_to_agreement({.epoch = LeaderEpoch(epoch), .end_offset = Offset(end)});
  }
  std::int64_t end() const { return partition_->log_end_offset().value(); }
  std::int64_t committed() const { return partition_->high_watermark().value(); }

  penstock::testing::SimDisk disk_;
  std::unique_ptr<Partition> partition_;
};

TEST_F(FollowTest, TakesRecordsHighWatermarkAndLogStart) {
  follow(3);
  ASSERT_TRUE(take(batch_at(0, 3, 1), 1));
  EXPECT_EQ(end(), 3);
  EXPECT_EQ(committed(), 1);
  ASSERT_TRUE(take(batch_at(3, 2, 3), 9));
  EXPECT_EQ(committed(), 5) << "no further than the log goes";
  EXPECT_EQ(partition_->position().last_epoch, LeaderEpoch(3));
  EXPECT_EQ(partition_->position().fetch_offset, Offset(5));
  ASSERT_TRUE(take({}, 4));
  EXPECT_EQ(committed(), 5) << "what was committed stays so";
  ASSERT_TRUE(take({}, 5, 2));
  EXPECT_EQ(partition_->log_start_offset(), Offset(2));
}

TEST_F(FollowTest, RefusesWhatDoesNotFitAndKeepsItsLog) {
  follow(3);
  ASSERT_TRUE(take(batch_at(0, 3, 2), 3));
  base::Bytes flipped = batch_at(3, 2, 3);
  flipped.back() ^= 1;
  EXPECT_EQ(take(flipped, 5).error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(take(batch_at(3, 1, 4), 4).error().code(), base::Errc::kCorrupt) << "an epoch of the future";
  EXPECT_EQ(take(batch_at(3, 1, 1), 4).error().code(), base::Errc::kCorrupt) << "an epoch before the last";
  EXPECT_EQ(take(batch_at(2, 2, 3), 4).error().code(), base::Errc::kOutOfRange) << "records that are there";
  base::Bytes two = batch_at(3, 1, 3);
  const base::Bytes bad = batch_at(3, 1, 3);
  two.insert(two.end(), bad.begin(), bad.end());
  EXPECT_EQ(take(two, 5).error().code(), base::Errc::kOutOfRange) << "the second does not follow the first";
  EXPECT_EQ(end(), 3);
  EXPECT_EQ(partition_->role(), Role::kFollower) << "a bad leader does not take the replica offline";
  base::Bytes half = batch_at(3, 4, 3);
  half.resize(half.size() - 5);
  EXPECT_TRUE(take(half, 3)) << "half a batch at the end is what a fetch may carry";
  EXPECT_EQ(end(), 3);
  EXPECT_TRUE(take(batch_at(7, 1, 3), 3)) << "compaction leaves holes";
  EXPECT_EQ(end(), 8);
}

TEST_F(FollowTest, TruncatesToWhereTheLogsPart) {
  follow(5);
  ASSERT_TRUE(take(batch_at(0, 4, 1), 2));
  ASSERT_TRUE(take(batch_at(4, 4, 3), 2));
  ASSERT_TRUE(take(batch_at(8, 4, 4), 2));
  // The leader has nothing above epoch 3 that we know, and less of that.
  ASSERT_TRUE(agree(3, 6));
  EXPECT_EQ(end(), 6);
  EXPECT_EQ(partition_->position().last_epoch, LeaderEpoch(3));
}

TEST_F(FollowTest, AnEpochThatIsUnknownHereTakesAnotherRound) {
  follow(5);
  ASSERT_TRUE(take(batch_at(0, 4, 1), 2));
  ASSERT_TRUE(take(batch_at(4, 4, 3), 2));
  ASSERT_TRUE(agree(2, 7));  // KIP-279: the leader's epoch 2 ends at 7, we went from 1 to 3 at 4.
  EXPECT_EQ(end(), 4);
  EXPECT_EQ(partition_->position().last_epoch, LeaderEpoch(1));
}

TEST_F(FollowTest, AnEpochWithoutRecordsIsForgotten) {
  LocalReplica led = replica_of({1, 2}, {1, 2}, 1);
  partition_->become_leader(led, {});
  follow(2);
  ASSERT_TRUE(take(batch_at(0, 4, 2), 4));
  led.leader_epoch = LeaderEpoch(3);
  led.partition_epoch = kafka::PartitionEpoch(3);
  partition_->become_leader(led, {});  // Appended nothing.
  EXPECT_EQ(partition_->position().last_epoch, LeaderEpoch(3));
  follow(4);
  EXPECT_EQ(partition_->position().last_epoch, LeaderEpoch(2)) << "of the last record";
  EXPECT_EQ(end(), 4);
}

TEST_F(FollowTest, RestartsWithinWhatTheLeaderHas) {
  follow(5);
  ASSERT_TRUE(take(batch_at(0, 4, 1), 4));
  ASSERT_TRUE(partition_->restart_within(Offset(0), Offset(9)));
  EXPECT_EQ(end(), 4) << "inside: nothing is dropped";
  ASSERT_TRUE(partition_->restart_within(Offset(0), Offset(2)));
  EXPECT_EQ(end(), 2) << "elected uncleanly";
  EXPECT_LE(committed(), 2);
  ASSERT_TRUE(partition_->restart_within(Offset(20), Offset(30)));
  EXPECT_EQ(end(), 20) << "away for too long";
  EXPECT_EQ(partition_->log_start_offset(), Offset(20));
  EXPECT_EQ(partition_->position().last_epoch, kafka::kNoLeaderEpoch);
}

TEST_F(FollowTest, ALogStartInsideABatchIsFollowed) {
  follow(5);
  ASSERT_TRUE(partition_->restart_within(Offset(7), Offset(10)));
  ASSERT_TRUE(take(batch_at(5, 5, 1), 10, 7));
  EXPECT_EQ(end(), 10);
  EXPECT_EQ(partition_->log_start_offset(), Offset(7));
  EXPECT_EQ(committed(), 10);
}

TEST_F(FollowTest, ServesConsumersUpToItsHighWatermark) {
  follow(3);
  ASSERT_TRUE(take(batch_at(0, 3, 3), 0));
  ASSERT_TRUE(take(batch_at(3, 3, 3), 3));
  ReadRequest request{
      .offset = Offset(0), .bytes_max = 1 << 20, .may_block = true, .is_memory_required = true};
  EXPECT_EQ(partition_->read(request).error, ErrorCode::kNotLeaderOrFollower);
  request.is_follower_enough = true;
  const ReadOutcome outcome = partition_->read(request);
  ASSERT_TRUE(outcome.is_ok());
  EXPECT_EQ(outcome.high_watermark, Offset(3));
  EXPECT_EQ(outcome.records.size(), batch_of(3).size()) << "nothing that is not committed";
  request.current_leader_epoch = LeaderEpoch(2);
  EXPECT_EQ(partition_->read(request).error, ErrorCode::kFencedLeaderEpoch);
  request.current_leader_epoch = kafka::kNoLeaderEpoch;
  request.isolation = Isolation::kLogEnd;
  EXPECT_EQ(partition_->read(request).error, ErrorCode::kNotLeaderOrFollower) << "replicas ask the leader";
}

TEST_F(FollowTest, FollowingTheSameLeaderAgainDisturbsNobody) {
  struct Change final : ChangeWaiter {
    void on_change(std::int64_t, bool) override { ++calls; }
    int calls = 0;
  } change;
  follow(3);
  partition_->wait_change(change);
  follow(3);
  EXPECT_EQ(change.calls, 0);
  follow(2);
  EXPECT_EQ(partition_->leader_epoch(), LeaderEpoch(3)) << "an old image";
  follow(4);
  EXPECT_EQ(change.calls, 1);
}

}  // namespace
}  // namespace penstock::replication
