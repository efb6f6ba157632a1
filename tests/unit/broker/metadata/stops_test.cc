// Who may be stopped when, by an operator's reservation or by the broker's own wish, and who is fenced on the
// word that its process has ended.
#include "broker/metadata/partition_health.h"
#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using kafka::BrokerEpoch;
using kafka::NodeId;

constexpr base::Duration kWaitMax = base::seconds(15);

class StopsTest : public ControllerFixture {
 protected:
  StopsTest() : ControllerFixture(options_with_voters(quorum_)) {}

  static ControllerOptions options_with_voters(const QuorumStanding& quorum) {
    ControllerOptions options = ControllerFixture::options();
    options.stop_wait_max = kWaitMax;
    options.quorum = [&quorum] { return quorum; };
    return options;
  }
  bool reserve(std::int32_t broker, const std::string& holder = "operator") {
    const auto answer = controller_.reserve_stop(NodeId(broker), holder, now_);
    reason_ = answer.reason;
    return answer.is_granted;
  }
  DeadBroker report_dead(std::int32_t broker, std::int64_t epoch) {
    auto dead = controller_.fence_dead(NodeId(broker), BrokerEpoch(epoch), now_);
    apply(dead.work.records);
    return dead;
  }
  bool is_fenced(std::int32_t broker) { return controller_.image().broker(NodeId(broker))->is_fenced; }
  // Stopped and started again, with every replica back in sync after rejoin().
  void restart(std::int32_t broker, std::map<std::int32_t, std::int64_t>& epochs) {
    epochs[broker] = register_broker(broker, static_cast<std::uint64_t>(next_offset_), epochs[broker]);
    beat(broker, epochs[broker]);
  }

  QuorumStanding quorum_{.voters = {{NodeId(1), true}, {NodeId(2), true}, {NodeId(3), true}}};
  std::string reason_;
};

TEST_F(StopsTest, OneAtATimeUntilItIsBackInTheIsrs) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  EXPECT_TRUE(reserve(1));
  EXPECT_TRUE(reserve(1));
  EXPECT_FALSE(reserve(1, "somebody"));
  EXPECT_FALSE(reserve(2));
  EXPECT_NE(reason_.find("broker 1 is reserved by operator"), std::string::npos) << reason_;
  beat(1, epochs[1], true);
  EXPECT_EQ(partition("orders").isr, (std::vector<std::int32_t>{2, 3}));
  restart(1, epochs);
  EXPECT_FALSE(reserve(2)) << "its replica is not in sync yet";
  EXPECT_EQ(alter_isr("orders", {2, 3, 1}, epochs), ErrorCode::kNone);
  EXPECT_TRUE(reserve(2)) << reason_;
}

TEST_F(StopsTest, AReservationEndsByReleaseAndByTime) {
  start_brokers(2);
  create("orders", 2, 2);
  EXPECT_TRUE(reserve(1));
  EXPECT_FALSE(controller_.release_stop(NodeId(2)));
  EXPECT_TRUE(controller_.release_stop(NodeId(1)));
  EXPECT_TRUE(reserve(2));
  now_ += StopReservation::kHeldMax;
  EXPECT_TRUE(reserve(1)) << reason_;
}

TEST_F(StopsTest, PartitionsKeepTheirMinimumWhereTheyCan) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  create_on("alone", {1});
  create_on("strict", {1, 2}, {{"min.insync.replicas", "2"}});
  ASSERT_TRUE(reserve(1)) << reason_;
  controller_.release_stop(NodeId(1));
  // One lags: no other may go, and it comes back first.
  EXPECT_EQ(alter_isr("orders", {1, 2}, epochs), ErrorCode::kNone);
  EXPECT_FALSE(reserve(1));
  EXPECT_NE(reason_.find("orders-0 has 1"), std::string::npos) << reason_;
  EXPECT_FALSE(reserve(3));
  EXPECT_NE(reason_.find("orders-0 on broker 3 is not in sync"), std::string::npos) << reason_;
}

TEST_F(StopsTest, NobodyStopsWhileAnotherIsOut) {
  auto epochs = start_brokers(3);
  fall_silent(3, epochs);
  EXPECT_FALSE(reserve(1));
  EXPECT_NE(reason_.find("broker 3 is fenced"), std::string::npos) << reason_;
  EXPECT_TRUE(reserve(3)) << "it is out of service: stopping it costs nothing. " << reason_;
}

TEST_F(StopsTest, TheQuorumKeepsItsMajority) {
  start_brokers(4);
  quorum_.voters[2].is_caught_up = false;
  EXPECT_FALSE(reserve(1));
  EXPECT_NE(reason_.find("voters"), std::string::npos) << reason_;
  EXPECT_TRUE(reserve(4)) << "it is no voter";
  controller_.release_stop(NodeId(4));
  EXPECT_TRUE(reserve(3)) << "the others are a majority";
}

TEST_F(StopsTest, TheOnlyBrokerMayAlwaysStop) {
  start_brokers(1);
  create_on("orders", {1});
  quorum_.voters = {{NodeId(1), true}};
  EXPECT_TRUE(reserve(1)) << reason_;
  EXPECT_FALSE(reserve(9));
}

TEST_F(StopsTest, ABrokerThatIsToldToStopWaitsForItsTurn) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  beat(1, epochs[1], true);
  EXPECT_TRUE(controller_.image().broker(NodeId(1))->in_controlled_shutdown);
  beat(2, epochs[2], true);
  EXPECT_FALSE(controller_.image().broker(NodeId(2))->in_controlled_shutdown);
  EXPECT_EQ(partition("orders").isr, (std::vector<std::int32_t>{2, 3}));
  beat(3, epochs[3]);
  restart(1, epochs);
  EXPECT_EQ(alter_isr("orders", {2, 3, 1}, epochs), ErrorCode::kNone);
  beat(2, epochs[2], true);
  EXPECT_TRUE(controller_.image().broker(NodeId(2))->in_controlled_shutdown);
}

TEST_F(StopsTest, ABrokerWhoseDiskHasFailedDoesNotWait) {
  auto epochs = start_brokers(3);
  create_on("orders", {2, 1, 3}, {{"min.insync.replicas", "2"}});
  beat(1, epochs[1], true);
  const std::vector<base::Uuid> lost = controller_.image().broker(NodeId(2))->directories;
  beat(2, epochs[2], true, lost);
  EXPECT_EQ(partition("orders").isr, (std::vector<std::int32_t>{3}));
  EXPECT_EQ(partition("orders").leader, 3);
  EXPECT_NE(alter_isr("orders", {3, 2}, epochs), ErrorCode::kNone) << "its replicas stay out";
  EXPECT_TRUE(beat(2, epochs[2], true, lost).should_shut_down ||
              beat(2, epochs[2], true, lost).should_shut_down);
}

TEST_F(StopsTest, ItWaitsOnlySoLong) {
  auto epochs = start_brokers(3);
  beat(1, epochs[1], true);
  beat(2, epochs[2], true);
  EXPECT_FALSE(is_fenced(2));
  now_ += kWaitMax - base::milliseconds(1);
  beat(3, epochs[3]);
  beat(2, epochs[2], true);
  EXPECT_FALSE(is_fenced(2));
  now_ += base::milliseconds(1);
  EXPECT_TRUE(beat(2, epochs[2], true).should_shut_down);
}

TEST_F(StopsTest, TheBrokerStopsUnderTheOperatorsReservation) {
  auto epochs = start_brokers(3);
  ASSERT_TRUE(reserve(1));
  EXPECT_TRUE(beat(1, epochs[1], true).should_shut_down);
  EXPECT_TRUE(reserve(1)) << "the operator's still: " << reason_;
  EXPECT_FALSE(beat(2, epochs[2], true).should_shut_down);
}

TEST_F(StopsTest, TheDeadAreFencedOneAtATimeAndByTheirEpoch) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3});
  EXPECT_FALSE(report_dead(1, epochs[1] + 1).is_fenced);
  EXPECT_FALSE(report_dead(9, 1).is_fenced);
  const auto dead = report_dead(1, epochs[1]);
  EXPECT_TRUE(dead.is_fenced);
  ASSERT_TRUE(dead.work.failover.has_value());
  EXPECT_EQ(dead.work.failover->broker, NodeId(1));
  EXPECT_EQ(dead.work.failover->since, now_);
  EXPECT_TRUE(is_fenced(1));
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_TRUE(report_dead(1, epochs[1]).is_fenced) << "it is";
  EXPECT_FALSE(report_dead(2, epochs[2]).is_fenced);
  EXPECT_FALSE(is_fenced(2));
  restart(1, epochs);
  EXPECT_TRUE(report_dead(2, epochs[2]).is_fenced);
}

TEST_F(StopsTest, TheNextIsFencedFastAfterASessionTime) {
  auto epochs = start_brokers(3);
  EXPECT_TRUE(report_dead(1, epochs[1]).is_fenced);
  now_ += base::seconds(9);
  EXPECT_TRUE(report_dead(2, epochs[2]).is_fenced);
}

TEST_F(StopsTest, AnIncarnationThatWasAliveIsNotTakenForDeadAgain) {
  auto epochs = start_brokers(2);
  EXPECT_TRUE(report_dead(1, epochs[1]).is_fenced);
  EXPECT_FALSE(beat(1, epochs[1]).is_fenced);
  EXPECT_FALSE(report_dead(1, epochs[1]).is_fenced);
  now_ += base::seconds(20);
  EXPECT_FALSE(report_dead(1, epochs[1]).is_fenced);
  restart(1, epochs);
  EXPECT_TRUE(report_dead(1, epochs[1]).is_fenced);
}

TEST_F(StopsTest, WhatPartitionsLackIsCounted) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  create_on("alone", {1});
  const BrokerConfigView defaults(NodeId(1), {}, {});
  const auto count = [&] { return partition_health(controller_.image(), defaults); };
  EXPECT_EQ(count().under_replicated, 0);
  report_dead(1, epochs[1]);
  EXPECT_EQ(count().under_replicated, 1) << "alone-0 keeps its last replica in the ISR";
  EXPECT_EQ(count().under_min_isr, 0);
  EXPECT_EQ(count().offline, 1);
  EXPECT_EQ(alter_isr("orders", {2}, epochs), ErrorCode::kNone);
  EXPECT_EQ(count().under_min_isr, 1);
}

// What the watch of its process tells of a broker.
class SignsTest : public StopsTest {
 protected:
  void lose(std::int32_t broker) {
    controller_.fast_fence().lost(NodeId(broker), controller_.image().broker(NodeId(broker))->epoch, now_);
  }
  void prove(std::int32_t broker) {
    controller_.fast_fence().proved(NodeId(broker), controller_.image().broker(NodeId(broker))->epoch, now_);
  }
  DueWork do_due_work() {
    auto work = controller_.due_work(now_);
    apply(work.records);
    return work;
  }
  std::int16_t try_to_register(std::int32_t id, std::uint64_t incarnation, std::uint64_t directory = 0) {
    auto request = registration(id, incarnation);
    if (directory != 0) request.log_dirs = {{7, directory}};
    auto decision = controller_.register_broker(request, at());
    apply(decision.records);
    return decision.response.error_code;
  }
};

TEST_F(SignsTest, ABrokerWhoseDeathIsProvedIsFencedAtOnce) {
  start_brokers(3);
  create_on("orders", {1, 2, 3});
  lose(1);
  EXPECT_TRUE(do_due_work().records.empty());
  now_ += base::milliseconds(100);
  prove(1);
  const auto proved_at = now_;
  now_ += base::milliseconds(3);
  const auto work = do_due_work();
  EXPECT_TRUE(is_fenced(1));
  EXPECT_EQ(partition("orders").leader, 2);
  ASSERT_TRUE(work.failover.has_value());
  EXPECT_EQ(work.failover->since, proved_at);
  EXPECT_TRUE(do_due_work().records.empty());
}

TEST_F(SignsTest, NoneIsFencedFastWhenSeveralVanishTogether) {
  auto epochs = start_brokers(4);
  lose(1);
  now_ += base::milliseconds(100);
  lose(2);
  prove(1);
  EXPECT_TRUE(do_due_work().records.empty());
  now_ += base::milliseconds(100);
  prove(2);
  EXPECT_TRUE(do_due_work().records.empty());
  now_ += base::seconds(8);
  beat(3, epochs[3]);
  beat(4, epochs[4]);
  now_ += base::seconds(1);
  do_due_work();
  do_due_work();
  EXPECT_TRUE(is_fenced(1));
  EXPECT_TRUE(is_fenced(2));
}

TEST_F(SignsTest, OneThatIsBackIsNoCompany) {
  start_brokers(3);
  lose(1);
  lose(2);
  now_ += base::milliseconds(100);
  prove(1);
  EXPECT_TRUE(do_due_work().records.empty());
  controller_.fast_fence().back(NodeId(2));
  do_due_work();
  EXPECT_TRUE(is_fenced(1));
  EXPECT_FALSE(is_fenced(2));
}

TEST_F(SignsTest, TheSecondWaitsUntilTheFirstIsBack) {
  auto epochs = start_brokers(3);
  lose(1);
  prove(1);
  do_due_work();
  now_ += base::seconds(3);
  beat(2, epochs[2]);
  lose(2);
  prove(2);
  EXPECT_TRUE(do_due_work().records.empty());
  EXPECT_EQ(controller_.next_deadline(), base::MonoTime{} + base::seconds(9));
  restart(1, epochs);
  do_due_work();
  EXPECT_TRUE(is_fenced(2));
}

TEST_F(SignsTest, AProofCountsForOneIncarnation) {
  auto epochs = start_brokers(2);
  lose(1);
  const BrokerEpoch old(epochs[1]);
  now_ += base::seconds(10);
  beat(2, epochs[2]);
  restart(1, epochs);
  controller_.fast_fence().proved(NodeId(1), old, now_);
  EXPECT_TRUE(do_due_work().records.empty());
  EXPECT_FALSE(is_fenced(1));
}

TEST_F(SignsTest, TheNextControllerKnowsWhoDiedWithTheLast) {
  start_brokers(3);
  create_on("orders", {1, 2, 3});
  ImageBuilder committed(controller_.image());
  controller_.deactivate();
  controller_.fast_fence().lost(NodeId(1), committed.image().broker(NodeId(1))->epoch, now_);
  now_ += base::milliseconds(100);
  controller_.fast_fence().proved(NodeId(1), committed.image().broker(NodeId(1))->epoch, now_);
  now_ += base::milliseconds(50);
  controller_.activate(committed, now_);
  do_due_work();
  EXPECT_TRUE(is_fenced(1));
  EXPECT_EQ(partition("orders").leader, 2);
}

TEST_F(SignsTest, WhoeverFollowsADeadIncarnationRegistersAtOnce) {
  start_brokers(3);
  EXPECT_EQ(try_to_register(2, 7), to_wire(ErrorCode::kDuplicateBrokerRegistration));
  lose(2);
  lose(3);
  EXPECT_EQ(try_to_register(2, 7), to_wire(ErrorCode::kDuplicateBrokerRegistration));
  prove(2);
  EXPECT_TRUE(do_due_work().records.empty()) << "not fenced fast: two vanished";
  EXPECT_EQ(try_to_register(2, 7), 0);
}

TEST_F(SignsTest, WhoWasLetGoRegistersAtOnceWhenItIsBack) {
  auto epochs = start_brokers(3);
  EXPECT_EQ(try_to_register(2, 7), to_wire(ErrorCode::kDuplicateBrokerRegistration));
  EXPECT_TRUE(beat(2, epochs[2], true).should_shut_down);
  EXPECT_TRUE(beat(2, epochs[2], true).should_shut_down) << "the first answer may have been lost";
  EXPECT_EQ(try_to_register(2, 7), to_wire(ErrorCode::kNone));
}

TEST_F(SignsTest, SoDoesOneWithTheDirectoriesOfWhomThisControllerNeverHeard) {
  auto epochs = start_brokers(3);
  ImageBuilder committed(controller_.image());
  controller_.deactivate();
  controller_.activate(committed, now_);
  beat(3, epochs[3]);
  EXPECT_EQ(try_to_register(2, 7, 99), to_wire(ErrorCode::kDuplicateBrokerRegistration))
      << "another directory";
  EXPECT_EQ(try_to_register(3, 7), to_wire(ErrorCode::kDuplicateBrokerRegistration)) << "it sends heartbeats";
  EXPECT_EQ(try_to_register(2, 7), 0);
}

}  // namespace
}  // namespace penstock::metadata
