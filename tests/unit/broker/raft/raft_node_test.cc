// What a node tells others is on its disk before, whatever a power loss takes.
#include "broker/raft/raft_node.h"

#include <gtest/gtest.h>

#include "base/aio/sim_scheduler.h"
#include "base/bytes.h"
#include "base/disk.h"
#include "broker/raft/quorum_state.h"
#include "broker/raft/snapshot.h"
#include "kafka/record_batch_builder.h"
#include "tests/support/sim_disk.h"

namespace penstock::raft {
namespace {

using penstock::testing::SimDisk;

const std::string kDirectory = "/data/__cluster_metadata-0";

ReplicaKey key_of(int id) { return {NodeId(id), base::Uuid{1, static_cast<std::uint64_t>(id)}}; }

struct Listener final : RaftListener {
  void on_high_watermark(Offset) override {}
  void on_active(LeaderEpoch) override {}
  void on_resigned(LeaderEpoch) override {}
  void on_leader_changed(NodeId, LeaderEpoch) override {}
  void on_snapshot(const OffsetAndEpoch&) override {}
  void on_failed(const base::Error& error) override { ADD_FAILURE() << error.what(); }
};

aio::Task<> stop(RaftNode& node, bool& is_stopped) {
  co_await node.stop();
  is_stopped = true;
}

aio::Task<> ask(RaftNode& node, Message question, std::optional<Message>& answer) {
  answer = co_await node.ask(std::move(question));
}

// Node 2 of the voters 1 to 3, on a disk that takes its time.
class RaftNodeTest : public ::testing::Test, protected PeerSender {
 protected:
  RaftNodeTest() : scheduler_(1, {.blocking_max = base::milliseconds(50)}), reactor_(scheduler_) {
    write_voters();
    RaftNodeOptions options;
    options.reactor = &reactor_;
    options.disk = &disk_;
    options.random = &random_;
    options.peers = this;
    options.directory = kDirectory;
    options.core.self = key_of(2);
    auto opened = RaftNode::open(std::move(options));
    EXPECT_TRUE(opened) << opened.error().what();
    node_ = std::move(*opened);
    reactor_.post([this] { node_->start(listener_); });
  }
  ~RaftNodeTest() override {
    bool is_stopped = false;
    reactor_.post([&] { aio::start_detached(stop(*node_, is_stopped)); });
    for (int i = 0; i < 1000 && !is_stopped; ++i) scheduler_.run_for(base::milliseconds(5));
    EXPECT_TRUE(is_stopped);
  }
  void write_voters() {
    VoterSet voters;
    for (const int id : {1, 2, 3}) voters.push_back({.key = key_of(id)});
    const base::Bytes snapshot =
        SnapshotBuilder({.epoch = LeaderEpoch(0), .voters = voters}).finish().value();
    EXPECT_TRUE(disk_.create_directories(kDirectory));
    const std::string path = kDirectory + "/" + snapshot_file_name({Offset(0), LeaderEpoch(0)});
    EXPECT_TRUE(base::write_file_atomically(disk_, path, snapshot));
  }
  ElectionState kept_election() const {
    const auto text = disk_.kept(kDirectory + "/quorum-state");
    return text ? parse_quorum_state(base::as_text(*text)).value() : ElectionState{};
  }
  std::size_t kept_log_bytes() const {
    const auto bytes = disk_.kept(kDirectory + "/00000000000000000000.log");
    return bytes ? bytes->size() : 0;
  }
  void reply(Message answer) {
    reactor_.post([this, message = std::move(answer)] { node_->receive(message); });
  }

  void send(const ReplicaKey& to, Message message) override {
    if (const auto* vote = std::get_if<VoteAsk>(&message)) {
      if (!vote->is_pre_vote) {
        ++votes_asked_;
        EXPECT_EQ(kept_election().epoch, vote->epoch);
        EXPECT_EQ(kept_election().voted, key_of(2));
      }
      reply(VoteAnswer{.id = vote->id,
                       .from = to.id,
                       .epoch = vote->epoch,
                       .is_granted = vote->is_pre_vote,
                       .is_pre_vote = vote->is_pre_vote});
    } else if (const auto* fetch = std::get_if<FetchAsk>(&message)) {
      on_fetch(*fetch);
    }
  }
  // Node 1, with a log of as many batches as are wanted.
  void on_fetch(const FetchAsk& fetch) {
    if (fetch.offset > Offset(0)) {
      ++fetches_behind_;
      EXPECT_EQ(kept_log_bytes(), batch_bytes_ * static_cast<std::size_t>(fetch.offset.value()));
    }
    if (fetch.offset.value() >= batches_) return;
    kafka::RecordBatchBuilder builder({.base_offset = fetch.offset, .leader_epoch = fetch.epoch});
    builder.append(0, std::nullopt, base::as_bytes("x"));
    FetchAnswer answer{.id = fetch.id, .from = NodeId(1), .epoch = fetch.epoch, .leader = NodeId(1)};
    answer.records = *builder.build();
    batch_bytes_ = answer.records.size();
    reply(std::move(answer));
  }

  SimDisk disk_;
  aio::SimScheduler scheduler_;
  aio::SimReactor reactor_;
  base::SeededRandom random_{1};
  Listener listener_;
  std::unique_ptr<RaftNode> node_;
  int votes_asked_ = 0;
  int fetches_behind_ = 0;
  std::int64_t batches_ = 0;
  std::size_t batch_bytes_ = 0;
};

TEST_F(RaftNodeTest, AVoteIsSyncedBeforeItIsTold) {
  std::optional<Message> answer;
  const VoteAsk vote{.from = key_of(1), .to = key_of(2), .epoch = LeaderEpoch(3)};
  reactor_.post([&] { aio::start_detached(ask(*node_, vote, answer)); });
  for (int i = 0; i < 500 && !answer; ++i) scheduler_.run_for(base::milliseconds(1));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::get<VoteAnswer>(*answer).is_granted);
  EXPECT_EQ(kept_election(), (ElectionState{.epoch = LeaderEpoch(3), .voted = key_of(1)}));
}

TEST_F(RaftNodeTest, ACandidatesOwnVoteIsSyncedBeforeItAsksForOthers) {
  scheduler_.run_for(base::seconds(5));
  EXPECT_GT(votes_asked_, 0);
}

TEST_F(RaftNodeTest, AFollowerAsksFromBehindWhatIsSynced) {
  batches_ = 10;
  std::optional<Message> answer;
  const BeginEpochAsk begin{.to = key_of(2), .leader = NodeId(1), .epoch = LeaderEpoch(3)};
  reactor_.post([&] { aio::start_detached(ask(*node_, begin, answer)); });
  scheduler_.run_for(base::seconds(1));
  EXPECT_EQ(node_->end_offset(), Offset(10));
  EXPECT_EQ(fetches_behind_, 10);
}

}  // namespace
}  // namespace penstock::raft
