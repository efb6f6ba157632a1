// Who joins and leaves the ISR, and what the high watermark does meanwhile.
#include "broker/replication/partition.h"

#include "fixture.h"

namespace penstock::replication {
namespace {

using base::milliseconds;
using base::seconds;
using kafka::ErrorCode;
using kafka::LeaderEpoch;
using kafka::NodeId;
using kafka::Offset;
using kafka::PartitionEpoch;
using namespace testing;

class IsrTest : public ::testing::Test {
 protected:
  IsrTest() {
    auto log = storage::Log::open(
        {.disk = &disk_, .directory = kDataDirectory + "/orders-0", .config = {}, .is_clean = true});
    EXPECT_TRUE(log) << log.error().what();
    partition_ = std::make_unique<Partition>(key_of(0), "orders-0", kSelf, std::move(*log),
                                             PartitionConfig{.min_insync_replicas = 2});
    partition_->set_peers(peers_of({1, 2, 3}), now_);
  }

  void lead(std::vector<int> isr, int leader_epoch = 1, int partition_epoch = 1) {
    LocalReplica replica = replica_of({1, 2, 3}, std::move(isr), leader_epoch);
    replica.partition_epoch = PartitionEpoch(partition_epoch);
    partition_->become_leader(replica, now_);
  }
  AppendOutcome append(int records, std::int16_t acks = 1) {
    base::Bytes batch = batch_of(records);
    return partition_->append({.records = batch, .acks = acks}, decompressor_, now_, kWallMs);
  }
  void follower(int id, std::int64_t offset) { partition_->on_follower_fetch(fetch_of(id, offset), now_); }
  std::vector<int> proposed() {
    std::vector<int> ids;
    proposal_ = partition_->take_isr_proposal();
    if (!proposal_) return ids;
    for (const IsrMember& member : proposal_->isr) ids.push_back(member.id.value());
    return ids;
  }
  void answer(ErrorCode error, std::vector<int> isr = {}, int partition_epoch = 2) {
    IsrAnswer answer{.proposed_in = proposal_->leader_epoch,
                     .proposed_on = proposal_->partition_epoch,
                     .error = error,
                     .leader_epoch = proposal_->leader_epoch,
                     .partition_epoch = PartitionEpoch(partition_epoch),
                     .isr = {}};
    for (const int id : isr) answer.isr.emplace_back(id);
    partition_->on_isr_answer(answer, now_);
  }
  std::int64_t committed() const { return partition_->high_watermark().value(); }

  penstock::testing::SimDisk disk_;
  kafka::Decompressor decompressor_;
  base::MonoTime now_{};
  std::optional<IsrProposal> proposal_;
  std::unique_ptr<Partition> partition_;
};

TEST_F(IsrTest, AFollowerThatCaughtUpIsProposedOnceWithItsEpoch) {
  lead({1, 2});
  append(4);
  follower(2, 4);
  EXPECT_EQ(committed(), 4);
  follower(3, 2);
  EXPECT_TRUE(proposed().empty()) << "it lacks what is committed";
  follower(3, 4);
  EXPECT_EQ(proposed(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(proposal_->isr[2].epoch, epoch_of(3));
  EXPECT_EQ(proposal_->partition_epoch, PartitionEpoch(1));
  follower(3, 4);
  EXPECT_TRUE(proposed().empty()) << "one change at a time";
  answer(ErrorCode::kNone, {1, 2, 3});
  EXPECT_EQ(partition_->partition_epoch(), PartitionEpoch(2));
  append(1);
  follower(2, 5);
  EXPECT_EQ(committed(), 4) << "the new member counts";
  follower(3, 5);
  EXPECT_EQ(committed(), 5);
}

TEST_F(IsrTest, WhoIsProposedCountsBeforeTheControllerAnswers) {
  lead({1, 2});
  follower(3, 0);
  ASSERT_EQ(proposed(), (std::vector<int>{1, 2, 3}));
  append(2);
  follower(2, 2);
  now_ += seconds(60);
  partition_->check_isr(now_);
  EXPECT_EQ(committed(), 0) << "the controller may have it in the ISR already, however long it is silent";
  follower(3, 2);
  EXPECT_EQ(committed(), 2);
}

TEST_F(IsrTest, FencedOrEarlierIncarnationsDoNotJoin) {
  partition_->set_peers(peers_of({1, 2}, {3}), now_);
  lead({1, 2});
  follower(3, 0);
  EXPECT_TRUE(proposed().empty()) << "fenced";
  append(2);
  follower(2, 2);
  EXPECT_EQ(committed(), 2) << "and it holds nothing back";
  partition_->set_peers(peers_of({1, 2, 3}), now_);
  FollowerFetch fetch = fetch_of(3, 2);
  fetch.epoch = kafka::BrokerEpoch(29);
  partition_->on_follower_fetch(fetch, now_);
  EXPECT_TRUE(proposed().empty()) << "the epoch of the process before";
  follower(3, 2);
  EXPECT_FALSE(proposed().empty());
  partition_->on_follower_fetch(fetch, now_);
  answer(ErrorCode::kIneligibleReplica);
  now_ += seconds(1);
  partition_->on_follower_fetch(fetch, now_);
  EXPECT_TRUE(proposed().empty()) << "a late word of the old process changes nothing";
}

TEST_F(IsrTest, AFollowerWaitsForTheStartOfTheEpoch) {
  lead({1, 2});
  append(4);
  lead({1, 2}, 2, 2);
  follower(3, 3);
  EXPECT_EQ(committed(), 0);
  EXPECT_TRUE(proposed().empty()) << "above the high watermark, but below the epoch's start";
  follower(3, 4);
  EXPECT_FALSE(proposed().empty());
}

TEST_F(IsrTest, WhoLagsLeavesAndTheHighWatermarkMovesWhenTheControllerAgrees) {
  lead({1, 2, 3});
  append(2);
  follower(2, 2);
  EXPECT_EQ(committed(), 0);
  now_ += seconds(29);
  partition_->check_isr(now_);
  EXPECT_TRUE(proposed().empty());
  follower(2, 2);
  now_ += seconds(2);
  partition_->check_isr(now_);
  EXPECT_EQ(proposed(), (std::vector<int>{1, 2}));
  EXPECT_EQ(committed(), 0) << "until the controller has agreed the old ISR counts";
  answer(ErrorCode::kNone, {1, 2});
  EXPECT_EQ(committed(), 2);
  follower(3, 2);
  EXPECT_EQ(proposed(), (std::vector<int>{1, 2, 3})) << "it comes back by itself";
  EXPECT_EQ(proposal_->partition_epoch, PartitionEpoch(2));
}

TEST_F(IsrTest, AFollowerThatKeepsUpWithTheFetchBeforeIsNoLaggard) {
  lead({1, 2});
  for (int i = 0; i < 40; ++i) {
    append(1);
    now_ += seconds(1);
    follower(2, i);  // Always one behind, never with everything.
  }
  partition_->check_isr(now_);
  EXPECT_TRUE(proposed().empty());
}

TEST_F(IsrTest, BelowMinIsrNothingIsCommittedAndAcksAllIsRefused) {
  lead({1, 2});
  append(2);
  now_ += seconds(31);
  partition_->check_isr(now_);
  ASSERT_EQ(proposed(), (std::vector<int>{1}));
  EXPECT_TRUE(append(1, -1).is_ok()) << "not decided yet";
  answer(ErrorCode::kNone, {1});
  EXPECT_EQ(append(1, -1).error, ErrorCode::kNotEnoughReplicas);
  EXPECT_EQ(partition_->commit_verdict(), ErrorCode::kNotEnoughReplicasAfterAppend);
  EXPECT_EQ(committed(), 0) << "KIP-966";
  follower(2, 3);
  ASSERT_EQ(proposed(), (std::vector<int>{1, 2}));
  EXPECT_EQ(committed(), 0);
  answer(ErrorCode::kNone, {1, 2}, 3);
  EXPECT_EQ(committed(), 3);
  EXPECT_TRUE(append(1, -1).is_ok());
}

TEST_F(IsrTest, RefusalsAreWithdrawnOrLeftToTheImage) {
  lead({1, 2});
  follower(3, 0);
  ASSERT_FALSE(proposed().empty());
  answer(ErrorCode::kIneligibleReplica);
  follower(3, 0);
  EXPECT_TRUE(proposed().empty()) << "not at each fetch";
  now_ += seconds(1);
  follower(3, 0);
  ASSERT_FALSE(proposed().empty());
  answer(ErrorCode::kInvalidUpdateVersion);
  now_ += seconds(1);
  follower(3, 0);
  EXPECT_TRUE(proposed().empty()) << "the image that decides it is on its way";
  append(1);
  follower(2, 1);
  EXPECT_EQ(committed(), 0);
  lead({1, 2}, 1, 5);
  now_ += seconds(31);
  partition_->check_isr(now_);
  EXPECT_EQ(committed(), 1);
}

TEST_F(IsrTest, LateAnswersAndImagesOfOldChangeNothing) {
  lead({1, 2});
  follower(3, 0);
  ASSERT_FALSE(proposed().empty());
  lead({1, 2, 3}, 1, 2);  // The image came first.
  answer(ErrorCode::kNone, {1, 2, 3}, 2);
  EXPECT_EQ(partition_->partition_epoch(), PartitionEpoch(2));
  append(1);
  now_ += seconds(31);
  follower(2, 1);
  partition_->check_isr(now_);
  ASSERT_EQ(proposed(), (std::vector<int>{1, 2}));
  lead({1, 2, 3}, 1, 2);  // The image that we know: the change goes on.
  EXPECT_EQ(committed(), 0);
  answer(ErrorCode::kNone, {1, 2}, 3);
  EXPECT_EQ(committed(), 1);
  lead({1, 2, 3}, 1, 2);
  EXPECT_EQ(committed(), 1);
  append(1);
  follower(2, 2);
  EXPECT_EQ(committed(), 2) << "an image older than the answer";
}

TEST_F(IsrTest, TheNearestReplicaThatHasTheOffsetIsPreferred) {
  auto peers = std::make_shared<Peers>(*peers_of({1, 2, 3}));
  for (const auto& [id, rack] : {std::pair{1, "a"}, {2, "b"}, {3, "b"}})
    peers->brokers[NodeId(id)].rack = rack;
  partition_->set_peers(peers, now_);
  lead({1, 2, 3});
  append(4);
  FollowerFetch fetch = fetch_of(2, 3);
  fetch.log_start_offset = Offset(0);
  partition_->on_follower_fetch(fetch, now_);
  fetch = fetch_of(3, 4);
  fetch.log_start_offset = Offset(2);
  partition_->on_follower_fetch(fetch, now_);
  EXPECT_EQ(partition_->preferred_reader("b", Offset(3)), NodeId(3)) << "the one that is further";
  EXPECT_EQ(partition_->preferred_reader("b", Offset(1)), NodeId(2)) << "the other begins later";
  EXPECT_EQ(partition_->preferred_reader("a", Offset(1)), kafka::kNoNode) << "the leader is near";
  EXPECT_EQ(partition_->preferred_reader("c", Offset(1)), kafka::kNoNode);
  EXPECT_EQ(partition_->preferred_reader("", Offset(1)), kafka::kNoNode);
}

}  // namespace
}  // namespace penstock::replication
