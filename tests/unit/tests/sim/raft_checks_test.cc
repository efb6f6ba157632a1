#include "tests/sim/raft_checks.h"

#include <gtest/gtest.h>

#include "kafka/record_batch_builder.h"

namespace penstock::sim {
namespace {

base::Bytes batch(std::int64_t offset, std::uint8_t content) {
  kafka::RecordBatchBuilder builder(
      {.base_offset = kafka::Offset(offset), .leader_epoch = kafka::LeaderEpoch(1)});
  builder.append(0, std::nullopt, base::ByteSpan(&content, 1));
  return *builder.build();
}

// Of a voter that has voted for node 1 and has all below offset 3.
KeptQuorum kept(int epoch = 1, int leader = 1) {
  KeptQuorum kept;
  kept.election = {.epoch = kafka::LeaderEpoch(epoch), .leader = kafka::NodeId(leader)};
  kept.epochs = {{0, 1}, {1, 1}, {2, 1}};
  kept.log_end = 3;
  return kept;
}

// Node `id` at epoch 1 under leader 1, with offsets 0 and 1 committed.
RaftView view(int id, std::uint8_t content = 7) {
  static const int runs[4] = {};
  return {.node = id,
          .run = &runs[id],
          .epoch = 1,
          .leader = 1,
          .is_leader = id == 1,
          .high_watermark = 2,
          .end_offset = 3,
          .voters = {1, 2, 3},
          .kept = [](int) { return kept(); },
          .read = [content](std::int64_t from) -> base::Result<base::Bytes> { return batch(from, content); }};
}

// Node 3 begins to lead epoch 2; it does not know yet what is committed.
RaftView successor() {
  RaftView leader = view(3);
  leader.epoch = 2;
  leader.leader = 3;
  leader.is_leader = true;
  leader.high_watermark = -1;
  return leader;
}

class RaftChecksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    checks.look(view(2));
    checks.look(view(1));
    ASSERT_TRUE(history.violations().empty()) << history.violations().front();
    ASSERT_EQ(checks.committed(), 2);
  }
  void expect_found(const RaftView& bad) {
    checks.look(bad);
    EXPECT_EQ(history.violations().size(), 1u);
  }
  History history;
  RaftChecks checks{history};
};

TEST_F(RaftChecksTest, AcceptsAnotherLeaderInALaterEpochAndARestart) {
  RaftView leader = view(2);
  leader.epoch = 2;
  leader.leader = 2;
  leader.is_leader = true;
  leader.kept = [](int) { return kept(2, 2); };
  checks.look(leader);
  RaftView restarted = view(1);
  restarted.run = this;
  restarted.is_leader = false;
  restarted.leader = -1;
  restarted.high_watermark = -1;
  checks.look(restarted);
  EXPECT_TRUE(history.violations().empty()) << history.violations().front();
  EXPECT_EQ(checks.epochs(), 2);
}

TEST_F(RaftChecksTest, FindsAnEpochThatGoesBack) {
  RaftView bad = view(2);
  bad.epoch = 0;
  bad.leader = -1;
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsAHighWatermarkThatGoesBack) {
  RaftView bad = view(2);
  bad.high_watermark = 1;
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsTwoLeadersOfAnEpoch) {
  RaftView bad = view(3);
  bad.leader = 3;
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsALeaderThatLacksWhatIsCommitted) {
  RaftView bad = successor();
  bad.end_offset = 1;
  bad.kept = [](int) { return kept(2, 3); };
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsCommittedRecordsThatDiffer) {
  checks.look(view(3, 8));
  EXPECT_EQ(history.violations().size(), 2u);  // Both batches.
}

TEST_F(RaftChecksTest, FindsAHighWatermarkThatNoMajorityReaches) {
  RaftView bad = view(1);
  bad.high_watermark = 4;
  bad.end_offset = 4;
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsAHighWatermarkAboveWhatIsSyncedOrOfAnotherEpoch) {
  RaftView bad = view(1);
  bad.high_watermark = 3;
  bad.kept = [](int voter) {
    KeptQuorum less = kept();
    if (voter == 2) less.log_end = 2;
    if (voter == 3) less.epochs[2] = 0;
    return less;
  };
  expect_found(bad);
}

TEST_F(RaftChecksTest, FindsALeaderWhoseVotesAreNotOnTheDisks) {
  RaftView bad = successor();
  bad.kept = [](int voter) { return voter == 3 ? kept(2, 3) : kept(); };
  expect_found(bad);
}

TEST_F(RaftChecksTest, AVoterWithALostDiskCounts) {
  RaftView view_of_3 = successor();
  view_of_3.kept = [](int voter) {
    return voter == 1 ? std::nullopt : std::optional(kept(voter - 1, voter));
  };
  checks.look(view_of_3);
  EXPECT_TRUE(history.violations().empty()) << history.violations().front();
}

TEST_F(RaftChecksTest, FindsALogThatContinuesNoSnapshot) {
  RaftView bad = view(3);
  bad.start_offset = 1;
  bad.high_watermark = -1;
  expect_found(bad);
  RaftView good = bad;
  good.snapshot_end = 1;
  expect_found(good);
}

TEST_F(RaftChecksTest, ANodeWhoseDiskIsLostBeginsAnew) {
  checks.lost_disk(2);
  RaftView emptied = view(2);
  emptied.run = this;
  emptied.epoch = 0;
  emptied.leader = -1;
  emptied.high_watermark = -1;
  emptied.end_offset = 0;
  checks.look(emptied);
  EXPECT_TRUE(history.violations().empty());
}

}  // namespace
}  // namespace penstock::sim
