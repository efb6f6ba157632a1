// quorum-state, snapshots and voter lists, as Apache Kafka 4.3.1 writes them.
#include <gtest/gtest.h>

#include "broker/raft/quorum_state.h"
#include "broker/raft/snapshot.h"
#include "broker/raft/storage_raft_log.h"
#include "kafka/record_batch_builder.h"
#include "tests/support/sim_disk.h"

namespace penstock::raft {
namespace {

const base::Uuid kDirectory = *base::Uuid::parse("PIZFdalNSPuU28zhEPCT3w");

TEST(QuorumState, IsWrittenAsKafkaDoes) {
  EXPECT_EQ(
      print_quorum_state({.epoch = LeaderEpoch(1), .leader = NodeId(1)}),
      R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})");
}

TEST(QuorumState, ReadsBackWhatItWroteAndVersionZero) {
  const ElectionState voted{.epoch = LeaderEpoch(7), .voted = ReplicaKey{NodeId(2), kDirectory}};
  EXPECT_EQ(parse_quorum_state(print_quorum_state(voted)).value(), voted);
  const auto old = parse_quorum_state(
      R"({"clusterId":"","leaderId":3,"leaderEpoch":5,"votedId":2,"appliedOffset":0,"currentVoters":[],"data_version":0})");
  EXPECT_EQ(old.value(), (ElectionState{LeaderEpoch(5), NodeId(3), ReplicaKey{NodeId(2), {}}}));
}

TEST(QuorumState, RefusesWhatItCannotTrust) {
  EXPECT_EQ(parse_quorum_state("").error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(parse_quorum_state("{}").error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(parse_quorum_state(R"({"leaderId":1,"leaderEpoch":-4,"data_version":1})").error().code(),
            base::Errc::kCorrupt);
  EXPECT_EQ(parse_quorum_state(R"({"leaderId":1,"leaderEpoch":1,"data_version":2})").error().code(),
            base::Errc::kUnsupported);
}

TEST(StorageRaftLog, FlushesWhatAKilledRunLeftBeforeItsEndCounts) {
  testing::SimDisk disk;
  const auto open = [&disk] {
    return StorageRaftLog::open({.disk = &disk, .directory = "/data/__cluster_metadata-0"});
  };
  {
    auto log = open();
    ASSERT_TRUE(log) << log.error().what();
    kafka::RecordBatchBuilder batch({.leader_epoch = LeaderEpoch(1)});
    const std::uint8_t content = 7;
    batch.append(0, std::nullopt, base::ByteSpan(&content, 1));
    ASSERT_TRUE((*log)->append(*batch.build()));
    // Killed: the page cache is still there, no flush was.
  }
  ASSERT_EQ((*open())->end_offset(), Offset(1));
  base::SeededRandom random(1);
  disk.crash(random);
  EXPECT_EQ((*open())->end_offset(), Offset(1));
}

TEST(SnapshotName, SortsAndParses) {
  const OffsetAndEpoch id{Offset(1234), LeaderEpoch(5)};
  EXPECT_EQ(snapshot_file_name(id), "00000000000000001234-0000000005.checkpoint");
  EXPECT_EQ(parse_snapshot_file_name(snapshot_file_name(id)), id);
  EXPECT_EQ(parse_snapshot_file_name("00000000000000001234-0000000005.checkpoint.part"), std::nullopt);
  EXPECT_EQ(parse_snapshot_file_name("leader-epoch-checkpoint"), std::nullopt);
}

TEST(Snapshot, RoundTripsAndACutOneIsRefusedAtEveryLength) {
  Voter voter;
  voter.key = {NodeId(1), kDirectory};
  voter.endpoints = {{"CONTROLLER", "127.0.0.1", 19093}};
  SnapshotBuilder builder({.now_ms = 1000, .voters = VoterSet{voter}});
  ASSERT_TRUE(builder.add_batch({{1, 2, 3}, {4}}).has_value());
  const base::Bytes whole = builder.finish().value();
  penstock::testing::SimDisk disk;
  ASSERT_TRUE(disk.create_directories("/d").has_value());
  const auto read = [&](base::ByteSpan content, QuorumRecords& quorum) {
    std::int32_t records = 0;
    EXPECT_TRUE(base::write_file_atomically(disk, "/d/s", content).has_value());
    const auto done = read_snapshot(disk, "/d/s", quorum, [&](const kafka::RecordBatchView& batch) {
      records += batch.count();
      return base::Result<>();
    });
    return done ? records : -1;
  };
  QuorumRecords quorum;
  EXPECT_EQ(read(whole, quorum), 2);
  EXPECT_EQ(quorum.kraft_version, 1);
  EXPECT_EQ(quorum.voters, VoterSet{voter});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    QuorumRecords ignored;
    EXPECT_EQ(read(base::ByteSpan(whole).first(length), ignored), -1) << length;
  }
  // Everything of a batch but its base offset and epoch is under its CRC.
  const auto first_batch_bytes = static_cast<std::size_t>(kafka::claimed_batch_bytes(whole).value());
  for (std::size_t at = kafka::kBatchAttributesAt; at < first_batch_bytes; ++at) {
    base::Bytes damaged = whole;
    damaged[at] ^= 0x10;
    QuorumRecords ignored;
    EXPECT_EQ(read(damaged, ignored), -1) << "byte " << at;
  }
}

TEST(Voters, AreParsedAsTheFormatterTakesThem) {
  const auto voters = parse_voters(
      "2@[::1]:9094:PIZFdalNSPuU28zhEPCT3w,1@pod-0.svc:9093:PIZFdalNSPuU28zhEPCT3w", "CONTROLLER");
  ASSERT_TRUE(voters.has_value()) << voters.error().what();
  ASSERT_EQ(voters->size(), 2U);
  EXPECT_EQ(voters->at(0).key, (ReplicaKey{NodeId(1), kDirectory}));
  EXPECT_EQ(voters->at(0).endpoints, (std::vector<Endpoint>{{"CONTROLLER", "pod-0.svc", 9093}}));
  EXPECT_EQ(voters->at(1).endpoints.front().host, "::1");
  for (const char* bad :
       {"", "1", "1@host", "1@host:9093", "x@host:9093:PIZFdalNSPuU28zhEPCT3w",
        "1@host:99999:PIZFdalNSPuU28zhEPCT3w", "1@:9093:PIZFdalNSPuU28zhEPCT3w", "1@host:9093:short"}) {
    EXPECT_FALSE(parse_voters(bad, "CONTROLLER").has_value()) << bad;
  }
  EXPECT_FALSE(
      parse_voters("1@a:1:PIZFdalNSPuU28zhEPCT3w,1@b:2:PIZFdalNSPuU28zhEPCT3w", "CONTROLLER").has_value());
}

}  // namespace
}  // namespace penstock::raft
