#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using Ids = std::vector<std::int32_t>;

class ReassignmentTest : public ControllerFixture {
 protected:
  // No replicas: cancel.
  ErrorCode reassign(const std::optional<Ids>& replicas, bool may_change_factor = true,
                     const std::string& name = "orders", std::int32_t index = 0) {
    kafka::AlterPartitionReassignmentsRequest request;
    request.allow_replication_factor_change = may_change_factor;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    auto& target = topic.partitions.emplace_back();
    target.partition_index = index;
    target.replicas = replicas;
    auto decision = controller_.alter_partition_reassignments(request);
    apply(decision.records);
    return static_cast<ErrorCode>(decision.response.responses.at(0).partitions.at(0).error_code);
  }
  std::size_t ongoing() const {
    kafka::ListPartitionReassignmentsRequest request;
    request.topics.reset();
    return controller_.list_partition_reassignments(request).response.topics.size();
  }
};

TEST_F(ReassignmentTest, EndsWhenTheTargetsAreInSync) {
  const auto epochs = start_brokers(4);
  create_on("orders", {1, 2});
  EXPECT_EQ(reassign(Ids{3, 4}), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").replicas, (Ids{3, 4, 1, 2}));
  EXPECT_EQ(partition("orders").adding_replicas, (Ids{3, 4}));
  EXPECT_EQ(partition("orders").removing_replicas, (Ids{1, 2}));
  EXPECT_EQ(partition("orders").directory_of(kafka::NodeId(3)), (base::Uuid{7, 1003}));
  EXPECT_EQ(ongoing(), 1U);
  EXPECT_EQ(alter_isr("orders", {1, 2, 3}, epochs), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").leader, 1);
  const auto leader_epoch = partition("orders").leader_epoch;
  // The leader goes with the change that it asks for.
  EXPECT_EQ(alter_isr("orders", {1, 2, 3, 4}, epochs), ErrorCode::kNewLeaderElected);
  EXPECT_EQ(partition("orders").replicas, (Ids{3, 4}));
  EXPECT_EQ(partition("orders").isr, (Ids{3, 4}));
  EXPECT_EQ(partition("orders").leader, 3);
  EXPECT_EQ(partition("orders").leader_epoch, leader_epoch + 1);
  EXPECT_FALSE(partition("orders").is_being_reassigned());
  EXPECT_EQ(partition("orders").directories, (std::vector<base::Uuid>{{7, 1003}, {7, 1004}}));
  EXPECT_EQ(ongoing(), 0U);
}

TEST_F(ReassignmentTest, AnotherOrderOrFewerReplicasIsDoneAtOnce) {
  start_brokers(3);
  create_on("orders", {1, 2, 3});
  EXPECT_EQ(reassign(Ids{2, 1, 3}), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").replicas, (Ids{2, 1, 3}));
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_EQ(partition("orders").leader_epoch, 0);
  EXPECT_EQ(reassign(Ids{2, 3}), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").replicas, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").isr, (Ids{2, 3}));
  EXPECT_EQ(partition("orders").leader, 2);
}

TEST_F(ReassignmentTest, CancelGoesBackToWhatItWas) {
  const auto epochs = start_brokers(3);
  create_on("orders", {1, 2});
  EXPECT_EQ(reassign(std::nullopt), ErrorCode::kNoReassignmentInProgress);
  EXPECT_EQ(reassign(Ids{2, 3}), ErrorCode::kNone);
  EXPECT_EQ(reassign(std::nullopt), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").replicas, (Ids{2, 1}));
  EXPECT_EQ(partition("orders").isr, (Ids{1, 2}));
  EXPECT_FALSE(partition("orders").is_being_reassigned());
}

TEST_F(ReassignmentTest, CancelThatWouldLoseRecordsIsRefused) {
  const auto epochs = start_brokers(3);
  create_on("orders", {1});
  EXPECT_EQ(reassign(Ids{2, 3}), ErrorCode::kNone);
  EXPECT_EQ(alter_isr("orders", {1, 2}, epochs), ErrorCode::kNone);
  fall_silent(1, epochs);
  EXPECT_EQ(partition("orders").isr, Ids{2});
  EXPECT_EQ(reassign(std::nullopt), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(set_config({ResourceType::kTopic, "orders"}, "unclean.leader.election.enable", "true"), 0);
  EXPECT_EQ(reassign(std::nullopt), ErrorCode::kNone);
  EXPECT_EQ(partition("orders").replicas, Ids{1});
  EXPECT_EQ(partition("orders").isr, Ids{1});
}

TEST_F(ReassignmentTest, RefusesWhatCannotBe) {
  start_brokers(3);
  create_on("orders", {1, 2});
  EXPECT_EQ(reassign(Ids{}), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(reassign(Ids{1, 1}), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(reassign(Ids{1, 9}), ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(reassign(Ids{1}, false), ErrorCode::kInvalidReplicationFactor);
  EXPECT_EQ(reassign(Ids{1}, true, "none"), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(reassign(Ids{1}, true, "orders", 1), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(reassign(Ids{1, 3}, false), ErrorCode::kNone);
  EXPECT_EQ(reassign(Ids{2, 3}, false), ErrorCode::kNone);  // In place of the one that is under way.
  EXPECT_EQ(partition("orders").replicas, (Ids{2, 3, 1}));
  EXPECT_EQ(partition("orders").removing_replicas, Ids{1});
}

TEST_F(ReassignmentTest, NewReplicasAreSpreadOverRacksAndBrokers) {
  for (std::int32_t id = 1; id <= 6; ++id) {
    auto request = registration(id, 1);
    request.rack = id <= 2 ? "a" : id <= 4 ? "b" : "c";
    auto decision = controller_.register_broker(request, at());
    apply(decision.records);
    beat(id, decision.response.broker_epoch);
  }
  ASSERT_EQ(create("orders", 60, 3).error_code, 0);
  std::map<std::int32_t, int> leaders;
  std::map<std::int32_t, int> replicas;
  for (std::int32_t i = 0; i < 60; ++i) {
    std::set<std::int32_t> racks;
    for (const std::int32_t id : partition("orders", i).replicas) {
      racks.insert((id - 1) / 2);
      ++replicas[id];
    }
    EXPECT_EQ(racks.size(), 3U) << i;
    ++leaders[partition("orders", i).leader];
  }
  for (std::int32_t id = 1; id <= 6; ++id) {
    EXPECT_EQ(leaders[id], 10) << id;
    EXPECT_EQ(replicas[id], 30) << id;
  }
}

TEST_F(ReassignmentTest, NoNewReplicasOnBrokersThatStopOrTakeNone) {
  const auto epochs = start_brokers(4);
  kafka::BrokerHeartbeatRequest heartbeat;
  heartbeat.broker_id = 4;
  heartbeat.broker_epoch = epochs.at(4);
  heartbeat.current_metadata_offset = next_offset_;
  heartbeat.cordoned_log_dirs = {{7, 1004}};
  apply(controller_.broker_heartbeat(heartbeat, at()).records);
  create_on("held", {3, 1});
  EXPECT_FALSE(beat(3, epochs.at(3), true).should_shut_down);
  EXPECT_EQ(create("three", 1, 3).error_code, to_wire(ErrorCode::kInvalidReplicationFactor));
  ASSERT_EQ(create("two", 8, 2).error_code, 0);
  for (std::int32_t i = 0; i < 8; ++i) {
    for (const std::int32_t id : partition("two", i).replicas) EXPECT_LE(id, 2);
  }
}

}  // namespace
}  // namespace penstock::metadata
