// Who leads and who is eligible when brokers come and go (KIP-966), and what administrators ask of it.
#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using Ids = std::vector<std::int32_t>;

const Resource kOrders{ResourceType::kTopic, "orders"};
const Resource kAllBrokers{ResourceType::kBroker, ""};

class ElectionsTest : public ControllerFixture {
 protected:
  ElectionsTest() { EXPECT_EQ(set_feature(kElrVersion, 1).error_code, 0); }

  kafka::ElectLeadersResponse elect(std::int8_t type, bool wants_all = false) {
    kafka::ElectLeadersRequest request;
    request.election_type = type;
    request.topic_partitions.reset();
    if (!wants_all) {
      auto& topic = request.topic_partitions.emplace().emplace_back();
      topic.topic = "orders";
      topic.partitions = {0};
    }
    auto decision = controller_.elect_leaders(request);
    apply(decision.records);
    return decision.response;
  }
  // The broker says that its replica of the topic lives in this directory.
  ErrorCode assign(const std::string& topic, std::uint64_t directory, std::int32_t broker,
                   std::int64_t epoch) {
    kafka::AssignReplicasToDirsRequest ask;
    ask.broker_id = broker;
    ask.broker_epoch = epoch;
    auto& into = ask.directories.emplace_back();
    into.id = {7, directory};
    auto& asked = into.topics.emplace_back();
    asked.topic_id = controller_.image().topic(topic)->id;
    asked.partitions.emplace_back().partition_index = 0;
    auto decision = controller_.assign_replicas_to_dirs(ask);
    apply(decision.records);
    return static_cast<ErrorCode>(
        decision.response.directories.at(0).topics.at(0).partitions.at(0).error_code);
  }
  // A new incarnation of a broker, with a disk that was empty; its epoch.
  std::int64_t start_on_a_new_disk(std::int32_t id, std::uint64_t directory) {
    auto request = registration(id, 2);
    request.log_dirs = {{7, directory}};
    auto registered = controller_.register_broker(request, at());
    EXPECT_EQ(registered.response.error_code, 0);
    apply(registered.records);
    beat(id, registered.response.broker_epoch);
    return registered.response.broker_epoch;
  }
  static ErrorCode first_error(const kafka::ElectLeadersResponse& response) {
    return static_cast<ErrorCode>(response.replica_election_results.at(0).partition_result.at(0).error_code);
  }
};

TEST_F(ElectionsTest, BelowMinIsrWhoLeavesTheIsrIsEligible) {
  const auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").isr, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(partition("orders").leader, 2);
  fall_silent(2, epochs);
  EXPECT_EQ(partition("orders").isr, Ids{3});
  EXPECT_EQ(partition("orders").elr, Ids{2});
  fall_silent(3, epochs);
  EXPECT_EQ(partition("orders").isr, Ids{});
  EXPECT_EQ(partition("orders").elr, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  EXPECT_EQ(partition("orders").last_known_elr, Ids{3});
  // Broker 1 left while the others went on: it may lack records.
  beat(1, epochs.at(1));
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  beat(2, epochs.at(2));
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").isr, Ids{2});
  EXPECT_EQ(partition("orders").elr, Ids{3});
  EXPECT_EQ(partition("orders").last_known_elr, Ids{});
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovered);
  EXPECT_EQ(alter_isr("orders", {2, 1}, epochs), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").elr, Ids{});
}

TEST_F(ElectionsTest, WhoComesBackUncleanIsNotEligibleAndTheLastLeaderRecovers) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2}, {{"min.insync.replicas", "2"}});
  fall_silent(1, epochs);
  fall_silent(2, epochs);
  EXPECT_EQ(partition("orders").elr, (Ids{1, 2}));
  epochs[1] = register_broker(1, 2);  // Its file names no epoch: it was killed.
  EXPECT_EQ(partition("orders").elr, Ids{2});
  beat(1, epochs[1]);
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  epochs[2] = register_broker(2, 2, epochs[2] - 1);  // An epoch of long ago.
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(partition("orders").last_known_elr, Ids{2});
  beat(2, epochs[2]);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").isr, Ids{2});
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovering);
}

TEST_F(ElectionsTest, AfterACleanStopABrokerLeadsAgain) {
  auto epochs = start_brokers(1);
  create_on("orders", {1});
  beat(1, epochs[1], true);
  EXPECT_TRUE(beat(1, epochs[1], true).should_shut_down);
  EXPECT_EQ(partition("orders").elr, Ids{1});
  epochs[1] = register_broker(1, 2, epochs[1]);
  EXPECT_EQ(partition("orders").elr, Ids{1});
  beat(1, epochs[1]);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovered);
}

TEST_F(ElectionsTest, ANewIncarnationOfALiveBrokerLeavesItsIsrs) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  now_ += base::seconds(10);
  epochs[1] = register_broker(1, 2);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").isr, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_TRUE(controller_.image().broker(kafka::NodeId(1))->is_fenced);
}

TEST_F(ElectionsTest, AnUncleanLeaderOnlyWhereItIsAllowed) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2});
  EXPECT_EQ(alter_isr("orders", {1}, epochs), ErrorCode::kNone);
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  EXPECT_EQ(set_config(kAllBrokers, "unclean.leader.election.enable", "true"), 0);
  now_ += base::seconds(300);
  beat(2, epochs[2]);
  apply(controller_.due_work(now_).records);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").isr, Ids{2});
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovering);
}

TEST_F(ElectionsTest, ElectLeadersGivesLeadershipBackToThePreferred) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2});
  EXPECT_EQ(first_error(elect(0)), ErrorCode::kElectionNotNeeded);
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(first_error(elect(0)), ErrorCode::kPreferredLeaderNotAvailable);
  beat(1, epochs[1]);
  EXPECT_EQ(first_error(elect(0)), ErrorCode::kPreferredLeaderNotAvailable);
  EXPECT_EQ(alter_isr("orders", {2, 1}, epochs), ErrorCode::kNone);
  EXPECT_EQ(first_error(elect(0, true)), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_TRUE(elect(0, true).replica_election_results.at(0).partition_result.empty());
  EXPECT_EQ(first_error(elect(1)), ErrorCode::kElectionNotNeeded);
  EXPECT_EQ(elect(7).error_code, to_wire(ErrorCode::kInvalidRequest));
}

TEST_F(ElectionsTest, AnUncleanElectionThatIsAskedFor) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2});
  EXPECT_EQ(alter_isr("orders", {1}, epochs), ErrorCode::kNone);
  fall_silent(1, epochs);
  EXPECT_EQ(first_error(elect(1)), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovering);
}

TEST_F(ElectionsTest, LeadershipsAreBalancedByThemselves) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2});
  fall_silent(1, epochs);
  beat(1, epochs[1]);
  EXPECT_EQ(alter_isr("orders", {2, 1}, epochs), ErrorCode::kNone);
  EXPECT_LE(controller_.next_deadline(), now_ + base::seconds(300));
  now_ += base::seconds(300);
  beat(1, epochs[1]);
  beat(2, epochs[2]);
  const DueWork work = controller_.due_work(now_);
  EXPECT_EQ(work.reason, "1 leaderships go back to their preferred replicas");
  apply(work.records);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_TRUE(controller_.due_work(now_).records.empty());
}

TEST_F(ElectionsTest, TheElrBeginsAnewWithAnotherMinIsr) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").elr, Ids{1});
  const auto epoch = partition("orders").partition_epoch;
  EXPECT_EQ(set_config(kOrders, "min.insync.replicas", "2"), 0);
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(partition("orders").partition_epoch, epoch + 1);
  // The default of all brokers is there, and stays; a broker's own is refused.
  EXPECT_EQ(controller_.image().configs(kAllBrokers).at("min.insync.replicas"), "1");
  EXPECT_EQ(set_config(kAllBrokers, "min.insync.replicas", std::nullopt), to_wire(ErrorCode::kInvalidConfig));
  EXPECT_EQ(set_config({ResourceType::kBroker, "1"}, "min.insync.replicas", "2"),
            to_wire(ErrorCode::kInvalidConfig));
  EXPECT_EQ(set_config(kAllBrokers, "min.insync.replicas", "2"), 0);
}

TEST_F(ElectionsTest, AnotherMinIsrStrandsNoPartitionWithoutLeader) {
  auto epochs = start_brokers(1);
  create_on("orders", {1});
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").elr, Ids{1});
  EXPECT_EQ(set_config(kOrders, "min.insync.replicas", "2"), 0);
  EXPECT_EQ(partition("orders").elr, Ids{1});
  beat(1, epochs[1]);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_EQ(partition("orders").leader_recovery_state, kRecovered);
}

TEST_F(ElectionsTest, ABrokerThatIsUnregisteredIsNoLongerEligible) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  kafka::UnregisterBrokerRequest request;
  request.broker_id = 9;
  EXPECT_EQ(controller_.unregister_broker(request).response.error_code,
            to_wire(ErrorCode::kBrokerIdNotRegistered));
  request.broker_id = 1;
  apply(controller_.unregister_broker(request).records);
  EXPECT_EQ(controller_.image().broker(kafka::NodeId(1)), nullptr);
  EXPECT_EQ(partition("orders").leader, 2);
  EXPECT_EQ(partition("orders").isr, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(beat(1, epochs[1]).error_code, to_wire(ErrorCode::kStaleBrokerEpoch));
}

TEST_F(ElectionsTest, ALostDirectoryTakesItsReplicasAlong) {
  auto epochs = start_brokers(2);
  auto request = registration(3, 1);
  request.log_dirs = {{7, 3001}, {7, 3002}};
  auto registered = controller_.register_broker(request, at());
  apply(registered.records);
  epochs[3] = registered.response.broker_epoch;
  beat(3, epochs[3]);
  create_on("orders", {3, 1});
  create_on("events", {3, 1});
  EXPECT_EQ(assign("orders", 3001, 3, epochs[3]), ErrorCode::kNone);
  EXPECT_EQ(assign("events", 3002, 3, epochs[3]), ErrorCode::kNone);
  EXPECT_EQ(assign("events", 1002, 2, epochs[2]), ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(partition("orders").directory_of(kafka::NodeId(3)), (base::Uuid{7, 3001}));
  EXPECT_EQ(partition("orders").leader, 3);
  kafka::BrokerHeartbeatRequest heartbeat;
  heartbeat.broker_id = 3;
  heartbeat.broker_epoch = epochs[3];
  heartbeat.current_metadata_offset = next_offset_;
  heartbeat.offline_log_dirs = {{7, 3001}};
  apply(controller_.broker_heartbeat(heartbeat, at()).records);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_EQ(partition("orders").isr, Ids{1});
  EXPECT_EQ(partition("events").leader, 3);
  EXPECT_TRUE(controller_.broker_heartbeat(heartbeat, at()).records.empty());
}

TEST_F(ElectionsTest, AReplicaOnANewDiskLeadsOnceItsBrokerSaysWhereItLives) {
  auto epochs = start_brokers(3);
  create_on("orders", {1, 2, 3}, {{"min.insync.replicas", "1"}});
  fall_silent(1, epochs);
  epochs[1] = start_on_a_new_disk(1, 5001);
  EXPECT_EQ(alter_isr("orders", {2, 3, 1}, epochs), ErrorCode::kNone);
  EXPECT_EQ(assign("orders", 5001, 1, epochs[1]), ErrorCode::kNone);
  fall_silent(2, epochs);
  fall_silent(3, epochs);
  EXPECT_EQ(partition("orders").leader, 1);
}

TEST_F(ElectionsTest, APartitionWithoutLeaderIsLedByTheReplicaInSyncThatSaysWhereItLives) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2}, {{"min.insync.replicas", "1"}});
  fall_silent(1, epochs);
  epochs[1] = start_on_a_new_disk(1, 5001);
  EXPECT_EQ(alter_isr("orders", {2, 1}, epochs), ErrorCode::kNone);
  fall_silent(2, epochs);
  EXPECT_EQ(partition("orders").isr, Ids{1});
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  EXPECT_EQ(assign("orders", 5001, 1, epochs[1]), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").leader, 1);
}

TEST_F(ElectionsTest, TheLastLeaderDoesNotLeadFromANewDisk) {
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2}, {{"min.insync.replicas", "2"}});
  fall_silent(1, epochs);
  fall_silent(2, epochs);
  epochs[1] = register_broker(1, 2);
  epochs[2] = start_on_a_new_disk(2, 5002);
  EXPECT_EQ(partition("orders").last_known_elr, Ids{2});
  EXPECT_EQ(assign("orders", 5002, 2, epochs[2]), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  EXPECT_EQ(partition("orders").last_known_elr, Ids{});
}

TEST_F(ElectionsTest, WithoutTheFeatureTheLastOfTheIsrStaysInIt) {
  EXPECT_EQ(set_feature(kElrVersion, 0).error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
  EXPECT_EQ(set_feature(kElrVersion, 0, 2).error_code, 0);
  auto epochs = start_brokers(2);
  create_on("orders", {1, 2}, {{"min.insync.replicas", "2"}});
  fall_silent(1, epochs);
  fall_silent(2, epochs);
  EXPECT_EQ(partition("orders").isr, Ids{2});
  EXPECT_EQ(partition("orders").elr, Ids{});
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  beat(2, epochs[2]);
  EXPECT_EQ(partition("orders").leader, 2);
}

TEST_F(ElectionsTest, FeaturesNeedEverybodysSupport) {
  EXPECT_EQ(set_feature("no.such", 1).error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
  EXPECT_EQ(set_feature(kElrVersion, 2).error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
  EXPECT_EQ(set_feature(kElrVersion, 1, 9).error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
  EXPECT_EQ(set_feature(kElrVersion, 0, 2, true).error_code, 0);
  EXPECT_EQ(controller_.image().feature_level(kElrVersion), 1);  // It was a dry run.
  EXPECT_EQ(set_feature(kElrVersion, 0, 3).error_code, 0);
  EXPECT_EQ(controller_.image().feature_level(kElrVersion), 0);
  auto request = registration(4, 1);
  request.features.pop_back();
  apply(controller_.register_broker(request, at()).records);
  const auto refused = set_feature(kElrVersion, 1);
  EXPECT_EQ(refused.error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
  EXPECT_NE(refused.error_message->find("Broker 4 does not support this feature."), std::string::npos);
}

}  // namespace
}  // namespace penstock::metadata
