// A cluster whose brokers are all told to stop.
#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using kafka::NodeId;

class WholeStopTest : public ControllerFixture {
 protected:
  WholeStopTest() : ControllerFixture(options_with_voters()) {}

  static ControllerOptions options_with_voters() {
    ControllerOptions options = ControllerFixture::options();
    options.stop_wait_max = base::seconds(15);
    options.quorum = [] {
      return QuorumStanding{.voters = {{NodeId(1), true}, {NodeId(2), true}, {NodeId(3), true}}};
    };
    return options;
  }
};

TEST_F(WholeStopTest, NobodyWaits) {
  auto epochs = start_brokers(3);
  EXPECT_TRUE(beat(1, epochs[1], true).should_shut_down);
  EXPECT_FALSE(beat(2, epochs[2], true).should_shut_down);
  EXPECT_TRUE(beat(3, epochs[3], true).should_shut_down);
  EXPECT_TRUE(beat(2, epochs[2], true).should_shut_down);
}

TEST_F(WholeStopTest, TheControllersBrokerGoesLast) {
  auto epochs = start_brokers(3);
  create_on("orders", {2, 1, 3}, {{"min.insync.replicas", "2"}});
  beat(2, epochs[2], true);  // Its turn.
  EXPECT_FALSE(beat(1, epochs[1], true).should_shut_down);
  EXPECT_FALSE(controller_.image().broker(NodeId(1))->in_controlled_shutdown);
  EXPECT_TRUE(beat(3, epochs[3], true).should_shut_down) << "it is seen that all of them stop";
  EXPECT_FALSE(beat(1, epochs[1], true).should_shut_down) << "broker 2 has not been let go";
  EXPECT_TRUE(beat(2, epochs[2], true).should_shut_down);
  EXPECT_TRUE(beat(1, epochs[1], true).should_shut_down);
  EXPECT_EQ(partition("orders").isr, std::vector<std::int32_t>{1});
}

TEST_F(WholeStopTest, TheControllersBrokerWaitsForNobodyWhoIsSilent) {
  auto epochs = start_brokers(3);
  beat(2, epochs[2], true);
  beat(3, epochs[3], true);
  EXPECT_FALSE(beat(1, epochs[1], true).should_shut_down);
  now_ += base::milliseconds(999);
  EXPECT_FALSE(beat(1, epochs[1], true).should_shut_down);
  now_ += base::milliseconds(1);
  EXPECT_TRUE(beat(1, epochs[1], true).should_shut_down);
}

TEST_F(WholeStopTest, OnlyWhereAllStopOneGoesWithoutACommit) {
  auto epochs = start_brokers(2);
  create_on("orders", {2, 1});
  kafka::BrokerHeartbeatRequest request;
  const auto ask = [&](std::int32_t id, bool want_shut_down) {
    request.broker_id = id;
    request.broker_epoch = epochs[id];
    request.want_shut_down = want_shut_down;
    auto decision = controller_.broker_heartbeat(request, at());
    apply(decision.records);
    return decision;
  };
  EXPECT_FALSE(ask(1, false).late);
  const auto first = ask(2, true);
  ASSERT_TRUE(first.late);
  EXPECT_EQ(first.late->response.error_code, to_wire(ErrorCode::kRequestTimedOut)) << "it asks again";
  EXPECT_FALSE(first.late->response.should_shut_down);
  EXPECT_FALSE(ask(1, true).response.should_shut_down);
  for (const std::int32_t id : {2, 2, 1, 1}) {
    const auto last = ask(id, true);
    ASSERT_TRUE(last.late);
    EXPECT_EQ(last.late->response.error_code, 0);
    EXPECT_TRUE(last.late->response.should_shut_down) << "also when it asks twice";
    EXPECT_LT(last.late->after, base::seconds(1));
  }
}

}  // namespace
}  // namespace penstock::metadata
