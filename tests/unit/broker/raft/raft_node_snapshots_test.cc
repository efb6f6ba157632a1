// A whole node that takes a snapshot from its leader, and one that serves its own.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/aio/sim_scheduler.h"
#include "broker/raft/raft_node.h"
#include "broker/raft/snapshot.h"
#include "tests/support/sim_disk.h"

namespace penstock::raft {
namespace {

const std::string kDirectory = "/data/__cluster_metadata-0";
constexpr ReplicaKey kObserver{NodeId(9), base::Uuid{9, 9}};
constexpr OffsetAndEpoch kId{Offset(40), LeaderEpoch(2)};

VoterSet voters_of(std::initializer_list<int> ids) {
  VoterSet voters;
  for (const int id : ids) {
    Voter voter;
    voter.key = {NodeId(id), base::Uuid{1, static_cast<std::uint64_t>(id)}};
    voters.push_back(voter);
  }
  return voters;
}

base::Bytes snapshot(std::size_t batches) {
  SnapshotBuilder builder(
      {.epoch = kId.epoch, .last_contained_log_timestamp_ms = 77, .voters = voters_of({1})});
  for (std::size_t i = 0; i < batches; ++i) {
    EXPECT_TRUE(builder.add_batch({base::Bytes(1000, static_cast<std::uint8_t>(i))}));
  }
  return builder.finish().value();
}

struct Listener final : RaftListener {
  void on_high_watermark(Offset hw) override { high_watermark = hw; }
  void on_active(LeaderEpoch) override {}
  void on_resigned(LeaderEpoch) override {}
  void on_leader_changed(NodeId, LeaderEpoch) override {}
  void on_snapshot(const OffsetAndEpoch& id) override { snapshots.push_back(id); }
  void on_failed(const base::Error& error) override { failure = error.what(); }
  Offset high_watermark = kafka::kNoOffset;
  std::vector<OffsetAndEpoch> snapshots;
  std::string failure;
};

// Node 1, which leads epoch 3 and has nothing but a snapshot.
struct Leader final : PeerSender {
  explicit Leader(aio::Reactor& the_reactor) : reactor(the_reactor) {}
  void send(const ReplicaKey& /*to*/, Message ask) override {
    if (const auto* fetch = std::get_if<FetchAsk>(&ask)) {
      FetchAnswer answer{.id = fetch->id, .from = NodeId(1), .epoch = LeaderEpoch(3), .leader = NodeId(1)};
      last_fetch = *fetch;
      if (fetch->epoch != LeaderEpoch(3)) {
        answer.refusal = Refusal::kFencedEpoch;
      } else if (fetch->offset < kId.offset) {
        answer.snapshot = kId;
      } else {
        return;  // It waits for records.
      }
      reply(std::move(answer));
    } else if (const auto* piece = std::get_if<SnapshotAsk>(&ask)) {
      ++pieces;
      if (pieces > pieces_max) return;
      SnapshotAnswer answer{.id = piece->id, .from = NodeId(1), .epoch = LeaderEpoch(3), .leader = NodeId(1)};
      answer.snapshot = piece->snapshot;
      answer.position = piece->position;
      answer.size_bytes = std::ssize(content);
      const auto from = content.begin() + piece->position;
      answer.piece.assign(from, from + std::min<std::ptrdiff_t>(piece_bytes, content.end() - from));
      if (pieces == damaged) answer.piece.back() ^= 0x40;
      reply(std::move(answer));
    }
  }
  void reply(Message answer) {
    reactor.post([this, message = std::move(answer)] { node->receive(message); });
  }

  aio::Reactor& reactor;
  RaftNode* node = nullptr;
  base::Bytes content = snapshot(20);
  std::ptrdiff_t piece_bytes = 1500;
  int pieces = 0;
  int pieces_max = 1'000'000;
  int damaged = 0;  // Which piece.
  FetchAsk last_fetch;
};

aio::Task<> stop(RaftNode& node, bool& is_stopped) {
  co_await node.stop();
  is_stopped = true;
}

struct Follower {
  Follower(aio::SimScheduler& the_scheduler, base::Disk& disk)
      : scheduler(the_scheduler), reactor(scheduler), leader(reactor), random(1) {
    RaftNodeOptions options;
    options.reactor = &reactor;
    options.disk = &disk;
    options.random = &random;
    options.peers = &leader;
    options.directory = kDirectory;
    options.core.self = kObserver;
    auto opened = RaftNode::open(std::move(options));
    EXPECT_TRUE(opened) << opened.error().what();
    node = std::move(*opened);
    leader.node = node.get();
    reactor.post([this] { node->start(listener); });
  }
  ~Follower() {
    bool is_stopped = false;
    reactor.post([&] { aio::start_detached(stop(*node, is_stopped)); });
    for (int i = 0; i < 1000 && !is_stopped; ++i) scheduler.run_for(base::milliseconds(5));
    EXPECT_TRUE(is_stopped);
  }
  aio::SimScheduler& scheduler;
  aio::SimReactor reactor;
  Leader leader;
  base::SeededRandom random;
  Listener listener;
  std::unique_ptr<RaftNode> node;
};

std::vector<std::string> files(const penstock::testing::SimDisk& disk, std::string_view part) {
  std::vector<std::string> found;
  for (const auto& name : disk.files()) {
    if (name.find(part) != std::string::npos) found.push_back(name.substr(kDirectory.size() + 1));
  }
  return found;
}

void expect_taken(const Follower& follower, penstock::testing::SimDisk& disk) {
  EXPECT_EQ(follower.listener.failure, "");
  EXPECT_EQ(follower.node->snapshot(), kId);
  EXPECT_EQ(follower.node->start_offset(), kId.offset);
  EXPECT_EQ(follower.node->end_offset(), kId.offset);
  EXPECT_EQ(follower.node->voters(), voters_of({1}));
  EXPECT_EQ(follower.node->kraft_version(), 1);
  EXPECT_EQ(files(disk, ".checkpoint"), std::vector<std::string>{snapshot_file_name(kId)});
  EXPECT_EQ(base::read_file(disk, follower.node->snapshot_path()).value(), follower.leader.content);
  EXPECT_EQ(follower.leader.last_fetch.offset, kId.offset);
  EXPECT_EQ(follower.leader.last_fetch.last_fetched_epoch, kId.epoch);
}

TEST(RaftNodeSnapshots, OneIsTakenInPiecesAndTheLogGoesOnBehindIt) {
  aio::SimScheduler scheduler(1);
  penstock::testing::SimDisk disk;
  {
    Follower follower(scheduler, disk);
    scheduler.run_for(base::seconds(2));
    expect_taken(follower, disk);
    EXPECT_EQ(follower.leader.pieces, (std::ssize(follower.leader.content) + 1499) / 1500);
    EXPECT_EQ(follower.listener.snapshots, std::vector<OffsetAndEpoch>{kId});
    EXPECT_EQ(follower.listener.high_watermark, kId.offset);
  }
  base::SeededRandom random(3);
  disk.crash(random);
  Follower again(scheduler, disk);
  scheduler.run_for(base::seconds(2));
  expect_taken(again, disk);
  EXPECT_EQ(again.leader.pieces, 0) << "it is there already";
}

TEST(RaftNodeSnapshots, ACrashInTheMidstOfADownloadBeginsCleanly) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    aio::SimScheduler scheduler(seed);
    base::SeededRandom random(seed);
    penstock::testing::SimDisk disk;
    {
      Follower follower(scheduler, disk);
      follower.leader.pieces_max = 1 + static_cast<int>(random.below(13));
      scheduler.run_for(base::milliseconds(static_cast<std::int64_t>(random.below(100))));
      disk.crash(random);
    }
    Follower again(scheduler, disk);
    EXPECT_TRUE(files(disk, ".part").empty());
    scheduler.run_for(base::seconds(2));
    expect_taken(again, disk);
  }
}

TEST(RaftNodeSnapshots, ADamagedOneIsNotInstalledButFetchedAnew) {
  aio::SimScheduler scheduler(1);
  penstock::testing::SimDisk disk;
  Follower follower(scheduler, disk);
  follower.leader.damaged = 3;
  scheduler.run_for(base::seconds(4));
  expect_taken(follower, disk);
  EXPECT_GT(follower.leader.pieces, (std::ssize(follower.leader.content) + 1499) / 1500);
  EXPECT_EQ(follower.listener.snapshots.size(), 1U);
}

TEST(RaftNodeSnapshots, ADiskThatFailsMeanwhileEndsTheNode) {
  aio::SimScheduler scheduler(1);
  penstock::testing::SimDisk disk;
  Follower follower(scheduler, disk);
  disk.set_capacity(10'000);
  scheduler.run_for(base::seconds(2));
  EXPECT_NE(follower.listener.failure, "");
  EXPECT_TRUE(follower.listener.snapshots.empty());
}

}  // namespace
}  // namespace penstock::raft
