// Replication between whole brokers: records, high watermarks, ISR and truncation, over real handlers and a
// simulated network, in the order that a seed decides.
#include <cstdlib>

#include "base/aio/cross_reactor.h"
#include "replica_cluster.h"

namespace penstock::server {
namespace {

using base::milliseconds;
using base::seconds;
using kafka::ErrorCode;
using kafka::Offset;
using replication::AppendOutcome;
using replication::testing::Running;
using namespace testing;

const base::Properties kQuick{{"replica.lag.time.max.ms", "2000"}, {"replica.socket.timeout.ms", "1000"}};

class ReplicationTest : public ::testing::TestWithParam<int> {
 protected:
  ReplicationTest() : cluster_(static_cast<std::uint64_t>(GetParam()), 3, kQuick) {
    cluster_.create_topic({1, 2, 3}, 2);
    EXPECT_TRUE(cluster_.run_until([&] { return is_led_by(1); }));
  }
  bool is_led_by(int id) {
    for (auto& [number, process] : cluster_.nodes) {
      replication::Partition* partition = process->partition();
      if (partition == nullptr || partition->leader() != kafka::NodeId(id)) return false;
      if (partition->leader_epoch().value() != cluster_.state().leader_epoch) return false;
    }
    return true;
  }
  bool are_equal(std::int64_t committed) {
    for (auto& [id, process] : cluster_.nodes) {
      replication::Partition* partition = process->partition();
      if (partition == nullptr || partition->high_watermark() != Offset(committed)) return false;
      if (partition->log_end_offset() != Offset(committed)) return false;
    }
    return true;
  }
  void expect_equal_logs() {
    const base::Bytes expected = cluster_.log_of(1);
    for (const int id : {2, 3}) EXPECT_EQ(cluster_.log_of(id), expected) << "broker " << id;
  }

  base::Bytes batch_;  // Of a request under way.
  Cluster cluster_;
};

TEST_P(ReplicationTest, AcksAllIsAnsweredWhenEveryMemberHasIt) {
  std::int64_t end = 0;
  for (int i = 1; i <= 20; ++i) {
    const AppendOutcome outcome = cluster_.produce(1, i % 3 + 1);
    ASSERT_TRUE(outcome.is_ok()) << kafka::error_name(outcome.error);
    end = outcome.end_offset.value();
    for (const int id : {2, 3}) EXPECT_GE(cluster_.node(id).partition()->log_end_offset(), Offset(end));
  }
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(end); }));
  expect_equal_logs();
  EXPECT_EQ(cluster_.isr_changes, 0);
}

TEST_P(ReplicationTest, AFollowerThatIsCutOffLeavesTheIsrAndComesBack) {
  ASSERT_TRUE(cluster_.produce(1, 2).is_ok());
  cluster_.network.cut(1, 3);
  Running<std::vector<AppendOutcome>> waiting(cluster_.node(1).door, [&] {
    replication::ProduceBatch request{.timeout = seconds(20)};
    batch_ = replication::testing::batch_of(3);
    request.items.push_back({.key = key_of(0), .records = batch_});
    return cluster_.node(1).replicas->produce(cluster_.node(1).door, std::move(request));
  }());
  cluster_.run_for(seconds(1));
  EXPECT_FALSE(waiting.is_done()) << "still in the ISR";
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2}); }, seconds(5)));
  ASSERT_TRUE(cluster_.run_until([&] { return waiting.is_done(); }, seconds(1)));
  EXPECT_TRUE(waiting.value()[0].is_ok());
  EXPECT_TRUE(cluster_.produce(1, 1).is_ok());
  cluster_.network.heal();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }, seconds(5)));
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(6); }));
  expect_equal_logs();
}

TEST_P(ReplicationTest, BelowMinIsrAcksAllIsRefused) {
  ASSERT_TRUE(cluster_.produce(1, 2).is_ok());
  cluster_.network.cut(1, 2);
  cluster_.network.cut(1, 3);
  cluster_.produce(1, 1, 1);
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1}); }, seconds(8)));
  ASSERT_TRUE(cluster_.run_until(
      [&] { return cluster_.produce(1, 1).error == ErrorCode::kNotEnoughReplicas; }, seconds(5)));
  EXPECT_EQ(cluster_.node(1).partition()->high_watermark(), Offset(2));
  cluster_.network.heal();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }, seconds(8)));
  EXPECT_TRUE(cluster_.produce(1, 1).is_ok());
}

TEST_P(ReplicationTest, ADeadLeadersFollowersGoOnWithTheNextAtOnce) {
  ASSERT_TRUE(cluster_.produce(1, 2).is_ok());
  cluster_.run_for(milliseconds(300));
  cluster_.crash(1);
  cluster_.fence(1);
  const base::MonoTime from = cluster_.scheduler.now();
  ASSERT_TRUE(cluster_.run_until([&] { return is_led_by(2); }));
  ASSERT_TRUE(cluster_.produce(2, 1).is_ok());
  EXPECT_LT(cluster_.scheduler.now() - from, milliseconds(200));
  cluster_.restart(1);
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }));
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(3); }));
  expect_equal_logs();
}

TEST_P(ReplicationTest, WhatOnlyTheOldLeaderHasIsTruncated) {
  ASSERT_TRUE(cluster_.produce(1, 2).is_ok());
  // Cut off from everybody, it takes records that nobody else gets.
  for (const int other : {0, 2, 3}) cluster_.network.cut(1, other);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(cluster_.produce(1, 2, 1).is_ok());
  EXPECT_EQ(cluster_.node(1).partition()->log_end_offset(), Offset(8));
  EXPECT_EQ(cluster_.node(1).partition()->high_watermark(), Offset(2));
  cluster_.fence(1);
  ASSERT_TRUE(
      cluster_.run_until([&] { return cluster_.node(2).partition()->role() == replication::Role::kLeader; }));
  ASSERT_TRUE(cluster_.produce(2, 3).is_ok());
  cluster_.network.heal();
  cluster_.unfence(1);
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }));
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(5); }));
  expect_equal_logs();
}

TEST_P(ReplicationTest, ABrokerLeadsNothingBeforeItsOwnRegistration) {
  // The image that it starts with says that it leads, and does not know what its log has lost.
  cluster_.crash(1);
  const base::Uuid incarnation = base::Uuid::random(cluster_.scheduler.random());
  cluster_.nodes[1] = std::make_unique<Process>(cluster_, 1, incarnation);
  cluster_.node(1).start();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.node(1).partition() != nullptr; }));
  cluster_.run_for(seconds(1));
  EXPECT_EQ(cluster_.node(1).partition()->role(), replication::Role::kOffline);
  cluster_.register_broker(1, incarnation);
  cluster_.unfence(1);
  EXPECT_TRUE(
      cluster_.run_until([&] { return cluster_.node(1).partition()->role() == replication::Role::kLeader; }));
}

TEST_P(ReplicationTest, LeadershipMovesBackAndForthUnderLoad) {
  std::int64_t end = 0;
  for (int i = 0; i < 12; ++i) {
    const int leader = i % 3 + 1;
    if (cluster_.state().leader != leader) cluster_.move_leader(leader);
    ASSERT_TRUE(cluster_.run_until([&] {
      const AppendOutcome outcome = cluster_.produce(leader, 2);
      if (outcome.is_ok()) end = outcome.end_offset.value();
      return outcome.is_ok();
    }));
  }
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(end); }));
  expect_equal_logs();
  EXPECT_TRUE(cluster_.is_isr({1, 2, 3}));
}

TEST_P(ReplicationTest, ALeaderThatBeginsLaterIsJoinedThere) {
  cluster_.network.cut(1, 3);
  cluster_.network.cut(2, 3);
  cluster_.produce(1, 5, 1);
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2}); }, seconds(8)));
  ASSERT_TRUE(cluster_.produce(1, 5).is_ok());
  const auto deleted = cluster_.node(1).partition()->delete_records(Offset(7));
  ASSERT_EQ(deleted.error, ErrorCode::kNone);
  cluster_.network.heal();
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }));
  EXPECT_EQ(cluster_.node(3).partition()->log_start_offset(), Offset(7));
  EXPECT_EQ(cluster_.node(3).partition()->log_end_offset(), Offset(10));
  EXPECT_TRUE(
      cluster_.run_until([&] { return cluster_.node(2).partition()->log_start_offset() == Offset(7); }));
}

TEST_P(ReplicationTest, ACorruptBatchStopsAtTheLeader) {
  cluster_.network.cut(1, 3);
  ASSERT_TRUE(cluster_.produce(1, 5, 1).is_ok());
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2}); }, seconds(8)));
  cluster_.node(1).partition()->log().drop_tail_cache();
  cluster_.disks.at(1)->corrupt("/data/orders-0/00000000000000000000.log", 70, 1);
  cluster_.network.heal();
  cluster_.run_for(seconds(5));
  EXPECT_EQ(cluster_.node(3).partition()->log_end_offset(), Offset(0));
  EXPECT_TRUE(cluster_.is_isr({1, 2}));
}

TEST_P(ReplicationTest, DeleteRecordsIsAnsweredWhenTheFollowersHaveFollowed) {
  ASSERT_TRUE(cluster_.produce(1, 10).is_ok());
  Process& leader = cluster_.node(1);
  const auto remove = [&](std::int64_t before, base::Duration timeout) {
    return cluster_.run(leader.door,
                        leader.replicas->delete_records(
                            leader.door, {{.key = key_of(0), .before = Offset(before)}}, timeout))[0];
  };
  const auto done = remove(7, seconds(5));
  EXPECT_EQ(done.error, ErrorCode::kNone);
  EXPECT_EQ(done.low_watermark, Offset(7));
  for (const int id : {2, 3}) EXPECT_EQ(cluster_.node(id).partition()->log_start_offset(), Offset(7));
  cluster_.network.cut(1, 3);
  EXPECT_EQ(remove(9, milliseconds(400)).error, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(leader.partition()->log_start_offset(), Offset(9)) << "done here";
  EXPECT_EQ(remove(11, seconds(1)).error, ErrorCode::kOffsetOutOfRange);
}

// How long a replica that was away takes to copy what it missed.
base::Duration copy_time(Cluster& cluster, int throttled, std::int64_t leader_rate,
                         std::int64_t follower_rate) {
  EXPECT_TRUE(cluster.run_until([&] { return cluster.node(1).partition() != nullptr; }));
  cluster.network.cut(1, 3);
  EXPECT_TRUE(cluster.run_until([&] {
    cluster.produce(1, 1, 1);
    cluster.run_for(milliseconds(100));
    return cluster.is_isr({1, 2});
  }));
  while (cluster.node(1).partition()->log().size_bytes() < 40'000) cluster.produce(1, 40, 1);
  cluster.node(throttled).replicas->set_throttled_rates(leader_rate, follower_rate);
  const base::MonoTime from = cluster.scheduler.now();
  cluster.network.heal();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.is_isr({1, 2, 3}); }, seconds(90)));
  return cluster.scheduler.now() - from;
}

TEST(ReplicationThrottle, AReplicaThatCatchesUpKeepsToTheRate) {
  base::Properties properties = kQuick;
  properties["replica.fetch.max.bytes"] = "2000";
  constexpr std::int64_t kNone = replication::ReplicationQuota::kNoLimit;
  for (const std::string side : {"leader", "follower"}) {
    const metadata::Configs marked{
        {side + ".replication.throttled.replicas", side == "leader" ? "0:1" : "*"}};
    for (const bool is_slow : {false, true}) {
      Cluster cluster(5, 3, properties);
      cluster.create_topic({1, 2, 3}, 2, marked);
      const std::int64_t rate = is_slow ? 4000 : kNone;
      const base::Duration took =
          side == "leader" ? copy_time(cluster, 1, rate, kNone) : copy_time(cluster, 3, kNone, rate);
      if (is_slow) {
        EXPECT_GT(took, seconds(7)) << side;
        EXPECT_LT(took, seconds(20)) << side;
      } else {
        EXPECT_LT(took, seconds(3)) << side;
      }
    }
  }
}

TEST(ReplicationToTheNearest, FollowersHearOfTheHighWatermarkAtOnce) {
  for (const bool is_rack_aware : {false, true}) {
    base::Properties properties = kQuick;
    properties["replica.fetch.wait.max.ms"] = "1000";
    if (is_rack_aware) properties["replica.selector.class"] = "RackAwareReplicaSelector";
    Cluster cluster(7, 3, properties);
    cluster.create_topic({1, 2, 3}, 2);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.node(1).partition() != nullptr; }));
    ASSERT_TRUE(cluster.produce(1, 1).is_ok());
    const auto committed = [&] {
      return cluster.node(2).partition()->high_watermark() == Offset(1) &&
             cluster.node(3).partition()->high_watermark() == Offset(1);
    };
    const base::MonoTime from = cluster.scheduler.now();
    ASSERT_TRUE(cluster.run_until(committed));
    if (is_rack_aware) {
      EXPECT_LT(cluster.scheduler.now() - from, milliseconds(50));
    }
  }
}

// A writer with acks=all that goes to whoever leads, and what it was promised.
struct Writer {
  explicit Writer(Cluster& of) : cluster(of) {}

  aio::Task<bool> run() {
    while (!is_stopping) {
      (void)co_await aio::sleep_for(cluster.controller, milliseconds(5));
      const auto leader = cluster.nodes.find(cluster.state().leader);
      if (leader == cluster.nodes.end()) continue;
      Process& process = *leader->second;
      ++batches;
      base::Bytes batch = replication::testing::batch_of(static_cast<int>(batches % 4) + 1, {},
                                                         replication::testing::kWallMs + batches);
      const std::uint32_t crc = kafka::RecordBatchView::parse(batch)->crc();
      replication::ProduceBatch request{.timeout = milliseconds(700)};
      request.items.push_back({.key = key_of(0), .records = batch});
      const auto outcomes = co_await aio::call_on(cluster.controller, process.door, [&] {
        return process.replicas->produce(process.door, std::move(request));
      });
      if (!outcomes[0].is_ok()) continue;
      EXPECT_TRUE(acked.emplace(outcomes[0].base_offset, crc).second) << "acked twice";
    }
    co_return true;
  }
  std::map<Offset, std::uint32_t> batches_in(const base::Bytes& log) const {
    std::map<Offset, std::uint32_t> found;
    kafka::BatchCursor cursor(log);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) {
      found.emplace((*batch)->base_offset(), (*batch)->crc());
    }
    return found;
  }

  Cluster& cluster;
  std::map<Offset, std::uint32_t> acked;
  std::int64_t batches = 0;
  bool is_stopping = false;
};

// One fault, until it is over.
void disturb(Cluster& cluster) {
  base::Random& random = cluster.scheduler.random();
  const auto some = [&](int low, int high) {
    return milliseconds(low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low))));
  };
  const int victim = 1 + static_cast<int>(random.below(3));
  const int leader = cluster.state().leader;
  const std::vector<std::int32_t> isr = cluster.state().isr;
  switch (random.below(5)) {
    case 0:
      cluster.network.cut(victim, victim % 3 + 1);
      cluster.run_for(some(100, 4000));
      break;
    case 1:
      for (int other = 0; other <= 3; ++other) {
        if (other != leader) cluster.network.cut(leader, other);
      }
      cluster.run_for(some(100, 1500));
      cluster.fence(leader);
      cluster.run_for(some(100, 3000));
      cluster.network.heal();
      cluster.unfence(leader);
      break;
    case 2:
      if (isr.size() == 1 && isr[0] == victim) break;
      cluster.crash(victim);
      cluster.run_for(some(0, 300));
      cluster.fence(victim);
      cluster.run_for(some(0, 3000));
      cluster.restart(victim);
      break;
    case 3:
      if (const int next = isr[random.below(isr.size())]; next != leader) cluster.move_leader(next);
      break;
    default:
      cluster.network.cut(victim, 0);
      cluster.run_for(some(100, 3000));
  }
  cluster.run_for(some(0, 500));
  cluster.network.heal();
}

class ReplicationFaultTest : public ReplicationTest {};

TEST_P(ReplicationFaultTest, NothingThatWasAckedIsLostUnderFaults) {
  Writer writer(cluster_);
  Running<bool> running(cluster_.controller, writer.run());
  for (int i = 0; i < 12; ++i) {
    disturb(cluster_);
    ASSERT_TRUE(cluster_.run_until([&] { return cluster_.is_isr({1, 2, 3}); }, seconds(30))) << "fault " << i;
  }
  writer.is_stopping = true;
  ASSERT_TRUE(cluster_.run_until([&] { return running.is_done(); }));
  const std::int64_t end = cluster_.node(cluster_.state().leader).partition()->log_end_offset().value();
  EXPECT_TRUE(cluster_.run_until([&] { return are_equal(end); }));
  expect_equal_logs();
  EXPECT_GT(writer.acked.size(), 100U);
  const auto kept = writer.batches_in(cluster_.log_of(1));
  for (const auto& [offset, crc] : writer.acked) {
    const auto found = kept.find(offset);
    ASSERT_NE(found, kept.end()) << "acked at " << offset.value() << " and lost";
    EXPECT_EQ(found->second, crc) << "acked at " << offset.value() << " and replaced";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplicationTest, ::testing::Range(1, 6));

// More seeds: PENSTOCK_SEEDS=1000.
int fault_seeds() {
  const char* text = std::getenv("PENSTOCK_SEEDS");
  return text == nullptr ? 5 : std::max(std::atoi(text), 1);
}
INSTANTIATE_TEST_SUITE_P(Seeds, ReplicationFaultTest, ::testing::Range(1, 1 + fault_seeds()));

}  // namespace
}  // namespace penstock::server
