#include "tests/sim/kept_quorum.h"

#include <gtest/gtest.h>

#include "broker/raft/quorum_state.h"
#include "kafka/record_batch_builder.h"

namespace penstock::sim {
namespace {

const std::string kDirectory = "/data/__cluster_metadata-0";

class KeptQuorumTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto file = disk.open(kDirectory + "/00000000000000000000.log", base::OpenMode::kCreateNew);
    ASSERT_TRUE(file);
    log = std::move(*file);
    ASSERT_TRUE(disk.sync_directory(kDirectory));
  }
  void append(std::int64_t offset, int epoch) {
    kafka::RecordBatchBuilder builder(
        {.base_offset = kafka::Offset(offset), .leader_epoch = kafka::LeaderEpoch(epoch)});
    builder.append(0, std::nullopt, base::as_bytes("x"));
    const auto bytes = *builder.build();
    ASSERT_TRUE(log->write_at(*log->size(), bytes));
  }
  KeptQuorum kept() const { return kept_quorum(disk, kDirectory); }

  penstock::testing::SimDisk disk;
  std::unique_ptr<base::File> log;
};

TEST_F(KeptQuorumTest, HasWhatIsSynced) {
  append(0, 1);
  EXPECT_FALSE(kept().has(1, 1));
  ASSERT_TRUE(log->sync());
  append(1, 2);
  EXPECT_TRUE(kept().has(1, 1));
  EXPECT_FALSE(kept().has(1, 2));
  EXPECT_FALSE(kept().has(2, 2));
  ASSERT_TRUE(log->sync());
  EXPECT_TRUE(kept().has(2, 2));
}

TEST_F(KeptQuorumTest, ATruncationThatIsNotSyncedTakesAway) {
  append(0, 1);
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->truncate(0));
  append(0, 2);
  EXPECT_EQ(kept().log_end, 0);
}

TEST_F(KeptQuorumTest, AVoteIsKeptOnceItsNameIsSynced) {
  const raft::ElectionState vote{.epoch = kafka::LeaderEpoch(3),
                                 .voted = raft::ReplicaKey{.id = kafka::NodeId(2), .directory = {}}};
  EXPECT_FALSE(kept().has_voted(2, 3));
  ASSERT_TRUE(raft::write_quorum_state(disk, kDirectory, vote));
  EXPECT_TRUE(kept().has_voted(2, 3));
  EXPECT_FALSE(kept().has_voted(1, 3));
  EXPECT_TRUE(kept().has_voted(1, 2));  // It cannot vote in that epoch any more.
  EXPECT_FALSE(kept().has_voted(2, 4));
}

}  // namespace
}  // namespace penstock::sim
