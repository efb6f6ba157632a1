#include "tests/sim/isr_checks.h"

#include <gtest/gtest.h>

#include "broker/metadata/image_builder.h"

namespace penstock::sim {
namespace {

using replication::IsrState;
using replication::Role;

const replication::PartitionKey kKey{.topic_id = {.most_significant = 7, .least_significant = 11},
                                     .partition = kafka::PartitionId(0)};

// Node 1 leads epoch 1 with the replicas 1 to 3, which are registered with ten times their id; 3 is not in
// sync, and follows up to 5.
class IsrChecksTest : public ::testing::Test {
 protected:
  IsrChecksTest() {
    for (const std::int32_t id : {1, 2, 3}) enroll(id, 10 * id);
    EXPECT_TRUE(builder_.replay(kafka::TopicRecord{.name = "orders", .topic_id = kKey.topic_id}));
    kafka::PartitionRecord record;
    record.partition_id = 0;
    record.topic_id = kKey.topic_id;
    record.replicas = {1, 2, 3};
    record.isr = {1, 2};
    record.leader = record.leader_epoch = record.partition_epoch = 1;
    EXPECT_TRUE(builder_.replay(record));
    publish();
    replication::LocalReplica replica{.key = kKey, .leader_epoch = kafka::LeaderEpoch(1)};
    for (const int id : {1, 2, 3}) replica.replicas.emplace_back(id);
    for (const int id : {1, 2}) replica.isr.emplace_back(id);
    isr_ = IsrState(kafka::NodeId(1), replica, now_);
    look_at_leader();
    look_at_follower(2, 5);
    look_at_follower(3, 5);
    EXPECT_TRUE(history_.violations().empty());
  }
  void enroll(std::int32_t id, std::int64_t epoch) {
    kafka::RegisterBrokerRecord record;
    record.broker_id = id;
    record.broker_epoch = epoch;
    record.fenced = false;
    record.end_points.push_back({.name = "PLAINTEXT", .host = "n", .port = 9092});
    EXPECT_TRUE(builder_.replay(record));
  }
  void publish() {
    builder_.set_position(kafka::Offset(++offset_), kafka::LeaderEpoch(1));
    checks_.look_at(builder_.publish().after);
  }
  void change_isr(std::vector<std::int32_t> isr) {
    kafka::PartitionChangeRecord record;
    record.partition_id = 0;
    record.topic_id = kKey.topic_id;
    record.isr = std::move(isr);
    EXPECT_TRUE(builder_.replay(record));
    publish();
  }
  void look_at_leader(int partition_epoch = 1) {
    checks_.look({.key = kKey,
                  .name = "orders-0",
                  .node = 1,
                  .run = this,
                  .broker_epoch = 10,
                  .role = Role::kLeader,
                  .leader_epoch = 1,
                  .partition_epoch = partition_epoch,
                  .end = 5,
                  .high_watermark = 5,
                  .lag_max = base::seconds(3),
                  .isr = &isr_},
                 now_);
  }
  void look_at_follower(int id, std::int64_t end) {
    checks_.look({.key = kKey,
                  .node = id,
                  .run = this,
                  .broker_epoch = 10 * id,
                  .role = Role::kFollower,
                  .leader_epoch = 1,
                  .partition_epoch = 1,
                  .end = end,
                  .isr = &isr_},
                 now_);
  }
  // As the incarnation `epoch`.
  void propose_3(std::int64_t epoch = 30) {
    const replication::Peers peers{
        .brokers = {{kafka::NodeId(3), {.epoch = kafka::BrokerEpoch(epoch), .is_active = true}}}};
    (void)isr_.on_follower_fetch(
        {.node = kafka::NodeId(3), .epoch = kafka::BrokerEpoch(epoch), .offset = kafka::Offset(5)},
        kafka::Offset(5), now_);
    ASSERT_TRUE(isr_.grow(kafka::NodeId(3), {kafka::Offset(5), kafka::Offset(0)}, &peers));
  }
  std::size_t found() const { return history_.violations().size(); }

  History history_;
  IsrChecks checks_{history_};
  metadata::ImageBuilder builder_;
  std::int64_t offset_ = 0;
  IsrState isr_;
  base::MonoTime now_{};
};

TEST_F(IsrChecksTest, AcceptsWhoWasProposed) {
  propose_3();
  look_at_leader();
  change_isr({1, 2, 3});
  EXPECT_EQ(found(), 0u);
}

TEST_F(IsrChecksTest, FindsWhoJoinsUnproposedAndUncounted) {
  change_isr({1, 2, 3});
  EXPECT_EQ(found(), 2u);
}

TEST_F(IsrChecksTest, FindsAProposalOnAnOlderState) {
  propose_3();
  look_at_leader(0);
  change_isr({1, 2, 3});
  EXPECT_EQ(found(), 1u);
}

TEST_F(IsrChecksTest, FindsAnIncarnationThatWasNotTheOneProposed) {
  propose_3();
  look_at_leader();
  enroll(3, 31);
  change_isr({1, 2, 3});
  EXPECT_EQ(found(), 2u);  // Nor has it followed.
}

TEST_F(IsrChecksTest, FindsWhoJoinsBelowTheHighWatermark) {
  enroll(3, 31);
  propose_3(31);
  look_at_leader();
  change_isr({1, 2, 3});
  EXPECT_EQ(found(), 1u);
}

TEST_F(IsrChecksTest, FindsWhoLeavesInServiceUnproposed) {
  change_isr({1});
  EXPECT_EQ(found(), 1u);
}

TEST_F(IsrChecksTest, AcceptsThatWhoIsFencedLeaves) {
  EXPECT_TRUE(builder_.replay(kafka::FenceBrokerRecord{.id = 2, .epoch = 20}));
  change_isr({1});
  EXPECT_EQ(found(), 0u);
}

TEST_F(IsrChecksTest, FindsALeaderThatCountsLessThanTheController) {
  isr_.settle({kafka::NodeId(1)});
  look_at_leader();
  EXPECT_EQ(found(), 1u);
}

TEST_F(IsrChecksTest, FindsAReplicaThatComesNoFurtherAndStays) {
  look_at_follower(2, 4);
  for (int half_seconds = 0; half_seconds < 10; ++half_seconds) {
    now_ += base::milliseconds(500);
    look_at_leader();
  }
  EXPECT_EQ(found(), 0u);
  for (int half_seconds = 0; half_seconds < 3; ++half_seconds) {
    now_ += base::milliseconds(500);
    look_at_leader();
  }
  EXPECT_EQ(found(), 1u);
}

}  // namespace
}  // namespace penstock::sim
