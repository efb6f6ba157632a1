// Snapshots between cores: who is told to take one, how it comes, and what is left after crashes meanwhile.
#include <gtest/gtest.h>

#include "tests/unit/broker/raft/quorum.h"

namespace penstock::raft {
namespace {

// A quorum with a leader, `count` records, and a leader whose log begins in the midst of them.
struct Cleaned {
  explicit Cleaned(std::uint64_t seed, int observers = 0) : quorum(3, seed, observers) {
    quorum.run(6000);
    leader = quorum.leader();
    for (std::uint64_t i = 1; i <= 40; ++i) quorum.propose(i);
    quorum.run(1000);
    clean();
  }
  void clean() {
    const std::int64_t committed = leader->core->high_watermark().value();
    leader->log.make_snapshot(committed - 10);
    leader->log.make_snapshot(committed);
    leader->log.clean();
  }
  FetchAnswer fetch(std::int64_t offset, std::int32_t epoch) {
    FetchAsk ask{.id = 77, .from = {NodeId(9), base::Uuid{9, 9}}, .epoch = leader->core->epoch()};
    ask.offset = Offset(offset);
    ask.last_fetched_epoch = LeaderEpoch(epoch);
    leader->core->receive(quorum.now(), ask);
    return answer<FetchAnswer>();
  }
  SnapshotAnswer piece(const SnapshotAsk& ask) {
    leader->core->receive(quorum.now(), ask);
    return answer<SnapshotAnswer>();
  }
  template <typename Answer>
  Answer answer() {
    for (auto& effect : leader->core->take_effects()) {
      if (const auto* send = std::get_if<Send>(&effect)) {
        if (const auto* found = std::get_if<Answer>(&send->message)) return *found;
      }
      if constexpr (std::is_same_v<Answer, SnapshotAnswer>) {
        if (const auto* sent = std::get_if<SendPiece>(&effect)) return sent->answer;
      }
    }
    ADD_FAILURE() << "no answer";
    return {};
  }

  Quorum quorum;
  Node* leader = nullptr;
};

TEST(RaftCoreSnapshots, AreOfferedToWhoIsBeforeTheLogOrPartsFromItWhereItBegins) {
  Cleaned c(4);
  const OffsetAndEpoch oldest = *c.leader->log.earliest_snapshot();
  const OffsetAndEpoch newest = *c.leader->log.latest_snapshot();
  const std::int64_t start = c.leader->log.start;
  ASSERT_EQ(oldest.offset.value(), start);
  const std::int32_t epoch = oldest.epoch.value();
  EXPECT_EQ(c.fetch(0, 0).snapshot, newest) << "who has nothing";
  EXPECT_EQ(c.fetch(start - 1, epoch).snapshot, newest);
  EXPECT_EQ(c.fetch(start, epoch - 1).snapshot, newest);
  EXPECT_EQ(c.fetch(start + 3, epoch - 1).snapshot, newest);
  EXPECT_FALSE(c.fetch(start + 1'000'000, epoch).snapshot);
  const FetchAnswer in_log = c.fetch(start - 0, epoch);
  EXPECT_FALSE(in_log.snapshot);
  EXPECT_FALSE(in_log.diverging);
}

TEST(RaftCoreSnapshots, ThePieceOfALeaderIsRefusedAsKafkaDoes) {
  Cleaned c(4);
  const OffsetAndEpoch id = *c.leader->log.latest_snapshot();
  const SnapshotAsk good{.id = 5,
                         .from = {NodeId(9), base::Uuid{9, 9}},
                         .epoch = c.leader->core->epoch(),
                         .snapshot = id,
                         .bytes_max = 50};
  const SnapshotAnswer served = c.piece(good);
  EXPECT_EQ(served.refusal, Refusal::kNone);
  EXPECT_EQ(served.size_bytes, *c.leader->log.snapshot_bytes(id));
  EXPECT_EQ(served.snapshot, id);
  const auto refusal = [&](auto change) {
    SnapshotAsk ask = good;
    change(ask);
    return c.piece(ask).refusal;
  };
  EXPECT_EQ(refusal([](SnapshotAsk& ask) { ask.epoch = ask.epoch - 1; }), Refusal::kFencedEpoch);
  EXPECT_EQ(refusal([](SnapshotAsk& ask) { ask.epoch = ask.epoch + 1; }), Refusal::kUnknownEpoch);
  EXPECT_EQ(refusal([](SnapshotAsk& ask) { ask.snapshot.offset = ask.snapshot.offset + 1; }),
            Refusal::kNoSnapshot);
  EXPECT_EQ(refusal([](SnapshotAsk& ask) { ask.snapshot = {}; }), Refusal::kNoSnapshot);
  EXPECT_EQ(refusal([](SnapshotAsk& ask) { ask.position = -1; }), Refusal::kOutOfRange);
  EXPECT_EQ(refusal([&](SnapshotAsk& ask) { ask.position = served.size_bytes; }), Refusal::kOutOfRange);
  EXPECT_EQ(refusal([&](SnapshotAsk& ask) { ask.position = served.size_bytes - 1; }), Refusal::kNone);
}

TEST(RaftCoreSnapshots, AnObserverAndALaggingVoterComeBackByOne) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed, 1);
    quorum.run(8000);
    Node* leader = quorum.leader();
    ASSERT_NE(leader, nullptr);
    const NodeId voter(leader->key.id == NodeId(1) ? 2 : 1);
    quorum.crash(voter);
    quorum.crash(NodeId(4));
    for (std::uint64_t i = 1; i <= 60; ++i) {
      ASSERT_TRUE(quorum.propose(i));
      quorum.run(20);
    }
    quorum.run(500);
    leader = quorum.leader();
    ASSERT_NE(leader, nullptr);
    for (auto& [id, node] : quorum.nodes()) {
      const std::int64_t committed = node.core ? node.core->high_watermark().value() : 0;
      node.log.make_snapshot(committed - 20);
      node.log.make_snapshot(committed - 2);
      node.log.clean();
    }
    quorum.restart(voter);
    quorum.restart(NodeId(4));
    quorum.run(4000);
    EXPECT_GE(quorum.loaded, 2);
    for (auto& [id, node] : quorum.nodes()) {
      EXPECT_EQ(node.log.entries, leader->log.entries) << "node " << id.value();
      EXPECT_EQ(node.core->high_watermark(), leader->core->high_watermark()) << "node " << id.value();
    }
  }
}

TEST(RaftCoreSnapshots, ADownloadThatIsCutShortBeginsAnew) {
  Cleaned c(7, 1);
  Node& observer = c.quorum.nodes()[NodeId(4)];
  // It has nothing, and pieces are small: the download takes a second or two.
  c.quorum.crash(NodeId(4));
  observer.log = MemoryLog();
  observer.synced = 0;
  c.quorum.piece_bytes = 24;
  c.quorum.restart(NodeId(4));
  for (int i = 0; i < 3000 && observer.part.size() < 100; ++i) c.quorum.step();
  ASSERT_GE(observer.part.size(), 100U);
  c.quorum.crash(NodeId(4));
  c.quorum.restart(NodeId(4));
  for (int i = 0; i < 3000 && observer.part.size() < 100; ++i) c.quorum.step();
  ASSERT_GE(observer.part.size(), 100U);
  // The snapshot is replaced while it is read.
  c.quorum.propose(100);
  c.quorum.run(100);
  const std::int64_t committed = c.leader->core->high_watermark().value();
  c.leader->log.make_snapshot(committed);
  c.leader->log.clean();
  c.leader->log.clean();
  ASSERT_EQ(c.leader->log.start, committed);
  c.quorum.run(6000);
  EXPECT_EQ(c.quorum.loaded, 1);
  EXPECT_EQ(observer.log.start, committed);
  EXPECT_EQ(observer.core->high_watermark().value(), committed);
}

TEST(RaftCoreSnapshots, ADamagedOneIsFetchedAnewAndAFailingDiskEndsTheNode) {
  Cleaned c(7, 1);
  Node& observer = c.quorum.nodes()[NodeId(4)];
  const auto take_piece = [&] {
    c.quorum.crash(NodeId(4));
    observer.log = MemoryLog();
    observer.synced = 0;
    c.quorum.restart(NodeId(4));
    for (int i = 0; i < 3000 && observer.part.empty(); ++i) c.quorum.step();
    ASSERT_FALSE(observer.part.empty());
  };
  take_piece();
  const base::MonoTime now = c.quorum.now();
  observer.core->piece_taken(now, base::fail(base::Errc::kCorrupt, "wrong CRC"));
  auto effects = observer.core->take_effects();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<DropPieces>(effects.front()));
  take_piece();
  observer.core->piece_taken(now, base::fail(base::Errc::kNoSpace, "no space left"));
  effects = observer.core->take_effects();
  ASSERT_EQ(effects.size(), 1U);
  ASSERT_TRUE(std::holds_alternative<LogFailed>(effects.front()));
  EXPECT_EQ(std::get<LogFailed>(effects.front()).error.code(), base::Errc::kNoSpace);
}

// Now and then, of some of the nodes.
void make_snapshots(Quorum& quorum) {
  for (auto& [id, node] : quorum.nodes()) {
    if (!node.core || quorum.random().below(8) != 0) continue;
    node.log.make_snapshot(node.core->high_watermark().value());
    if (quorum.random().below(2) == 0) node.log.clean();
  }
}

TEST(RaftCoreSnapshots, NothingCommittedIsLostWithSnapshotsThroughCrashesCutsAndLoss) {
  int loaded = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Quorum quorum(3, seed, 2);
    endure(quorum, {.rounds = 14, .victims = 5, .meanwhile = make_snapshots});
    if (HasFatalFailure()) return;
    for (const auto& [id, node] : quorum.nodes()) {
      EXPECT_EQ(node.log.entries, quorum.nodes()[NodeId(1)].log.entries) << "node " << id.value();
    }
    loaded += quorum.loaded;
  }
  EXPECT_GT(loaded, 10) << "too few snapshots went over the wire to say anything";
}

}  // namespace
}  // namespace penstock::raft
