#include "broker/metadata/controller.h"

#include <gtest/gtest.h>

#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using kafka::ErrorCode;
using kafka::to_wire;

constexpr base::Uuid kDirectory{7, 1};

using ControllerTest = ControllerFixture;

TEST_F(ControllerTest, BrokerEpochIsTheOffsetOfItsRegistration) {
  const std::int64_t before = next_offset_;
  EXPECT_EQ(register_broker(1), before);
  EXPECT_TRUE(controller_.image().broker(kafka::NodeId(1))->is_fenced);
}

TEST_F(ControllerTest, HeartbeatUnfencesWhoHasReadItsRegistration) {
  const auto epoch = register_broker(1);
  const auto answer = beat(1, epoch);
  EXPECT_TRUE(answer.is_caught_up);
  EXPECT_FALSE(answer.is_fenced);
  EXPECT_FALSE(controller_.image().broker(kafka::NodeId(1))->is_fenced);
  EXPECT_EQ(beat(1, epoch + 1).error_code, to_wire(ErrorCode::kStaleBrokerEpoch));
  EXPECT_EQ(beat(9, epoch).error_code, to_wire(ErrorCode::kStaleBrokerEpoch));
}

TEST_F(ControllerTest, ASecondIncarnationIsRefusedWhileTheFirstIsAlive) {
  beat(2, register_broker(2));
  const auto refused = controller_.register_broker(registration(2, 5), at());
  EXPECT_EQ(refused.response.error_code, to_wire(ErrorCode::kDuplicateBrokerRegistration));
  EXPECT_TRUE(refused.records.empty());
  now_ += base::seconds(10);
  EXPECT_EQ(controller_.register_broker(registration(2, 5), at()).response.error_code, 0);
}

TEST_F(ControllerTest, RegistrationNeedsTheClusterTheFeaturesAndItsOwnDirectories) {
  auto request = registration(2, 1);
  request.cluster_id = "other";
  EXPECT_EQ(controller_.register_broker(request, at()).response.error_code,
            to_wire(ErrorCode::kInconsistentClusterId));
  request = registration(2, 1);
  request.features.clear();
  EXPECT_EQ(controller_.register_broker(request, at()).response.error_code,
            to_wire(ErrorCode::kInvalidRegistration));
  request = registration(2, 1);
  request.features.at(0).max_supported_version = 29;
  EXPECT_EQ(controller_.register_broker(request, at()).response.error_code,
            to_wire(ErrorCode::kUnsupportedVersion));
  request = registration(2, 1);
  request.log_dirs = {kDirectory, kDirectory};
  EXPECT_EQ(controller_.register_broker(request, at()).response.error_code,
            to_wire(ErrorCode::kInvalidRegistration));
}

TEST_F(ControllerTest, CreatesATopicOnActiveBrokers) {
  beat(1, register_broker(1));
  const auto result = create("orders", 3);
  EXPECT_EQ(result.error_code, 0);
  EXPECT_EQ(result.num_partitions, 3);
  ASSERT_EQ(controller_.image().topic("orders")->partition_count(), 3);
  EXPECT_EQ(partition("orders", 2).leader, 1);
  EXPECT_EQ(partition("orders").leader_epoch, 0);
  EXPECT_EQ(partition("orders").directories, (std::vector<base::Uuid>{{7, 1001}}));
}

TEST_F(ControllerTest, RefusesWhatKafkaRefuses) {
  EXPECT_EQ(create("early").error_code, to_wire(ErrorCode::kInvalidReplicationFactor));
  beat(1, register_broker(1));
  EXPECT_EQ(create("a.b").error_code, 0);
  EXPECT_EQ(create("a.b").error_code, to_wire(ErrorCode::kTopicAlreadyExists));
  EXPECT_EQ(create("a_b").error_code, to_wire(ErrorCode::kInvalidTopicException));
  EXPECT_EQ(create("").error_code, to_wire(ErrorCode::kInvalidTopicException));
  EXPECT_EQ(create("sp ace").error_code, to_wire(ErrorCode::kInvalidTopicException));
  EXPECT_EQ(create("many", 1, 3).error_code, to_wire(ErrorCode::kInvalidReplicationFactor));
  EXPECT_EQ(create("none", 0).error_code, to_wire(ErrorCode::kInvalidPartitions));
  EXPECT_EQ(create("huge", 20'000).error_code, to_wire(ErrorCode::kPolicyViolation));
  EXPECT_EQ(controller_.image().topic_count(), 1U);
}

TEST_F(ControllerTest, FencesASilentBrokerAndElectsAnother) {
  const auto first = register_broker(1);
  beat(1, first);
  const auto second = register_broker(2);
  beat(2, second);
  ASSERT_EQ(create("orders", 4, 2).error_code, 0);
  now_ += base::seconds(8);
  beat(2, second);
  now_ += base::seconds(2);
  apply(controller_.due_work(now_).records);
  EXPECT_TRUE(controller_.image().broker(kafka::NodeId(1))->is_fenced);
  for (std::int32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(partition("orders", i).leader, 2);
    EXPECT_EQ(partition("orders", i).isr, std::vector<std::int32_t>{2});
  }
  EXPECT_TRUE(controller_.due_work(now_).records.empty());
}

TEST_F(ControllerTest, TheLastOfTheIsrStaysInItAndLeadsAgain) {
  const auto epoch = register_broker(1);
  beat(1, epoch);
  create("orders");
  now_ += base::seconds(10);
  apply(controller_.due_work(now_).records);
  EXPECT_EQ(partition("orders").leader, kNoLeader);
  EXPECT_EQ(partition("orders").isr, std::vector<std::int32_t>{1});
  beat(1, epoch);
  EXPECT_EQ(partition("orders").leader, 1);
  EXPECT_EQ(partition("orders").leader_epoch, 2);
}

TEST_F(ControllerTest, ControlledShutdownMovesLeadersFirst) {
  const auto first = register_broker(1);
  beat(1, first);
  const auto second = register_broker(2);
  beat(2, second);
  create("orders", 4, 2);
  EXPECT_FALSE(beat(1, first, true).should_shut_down);
  for (std::int32_t i = 0; i < 4; ++i) EXPECT_EQ(partition("orders", i).leader, 2);
  beat(2, second);  // Has read where its leaderships come from.
  EXPECT_TRUE(beat(1, first, true).should_shut_down);
}

TEST_F(ControllerTest, AlterPartitionChecksEpochsAndMembers) {
  const auto first = register_broker(1);
  beat(1, first);
  const auto second = register_broker(2);
  beat(2, second);
  create("orders", 1, 2);
  const auto leader = partition("orders").leader;
  kafka::AlterPartitionRequest request;
  request.broker_id = leader;
  request.broker_epoch = leader == 1 ? first : second;
  kafka::AlterPartitionRequest::TopicData topic;
  topic.topic_id = controller_.image().topic("orders")->id;
  kafka::AlterPartitionRequest::PartitionData ask;
  ask.new_isr = {leader};
  const auto answer = [&](std::int32_t leader_epoch, std::int32_t partition_epoch) {
    ask.leader_epoch = leader_epoch;
    ask.partition_epoch = partition_epoch;
    topic.partitions = {ask};
    request.topics = {topic};
    auto decision = controller_.alter_partition(request);
    apply(decision.records);
    return decision.response.topics.at(0).partitions.at(0);
  };
  EXPECT_EQ(answer(1, 0).error_code, to_wire(ErrorCode::kNotController));
  EXPECT_EQ(answer(0, 0).partition_epoch, 1);
  EXPECT_EQ(partition("orders").isr, std::vector<std::int32_t>{leader});
  EXPECT_EQ(answer(0, 0).error_code, to_wire(ErrorCode::kInvalidUpdateVersion));
}

TEST_F(ControllerTest, ProducerIdBlocksNeverOverlap) {
  const auto epoch = register_broker(1);
  kafka::AllocateProducerIdsRequest request;
  request.broker_id = 1;
  request.broker_epoch = epoch;
  auto first = controller_.allocate_producer_ids(request);
  apply(first.records);
  auto second = controller_.allocate_producer_ids(request);
  EXPECT_EQ(first.response.producer_id_start, 0);
  EXPECT_EQ(second.response.producer_id_start, 1000);
}

TEST_F(ControllerTest, AlterConfigsValidatesAndChangesLists) {
  beat(1, register_broker(1));
  create("orders");
  const auto alter = [&](const std::string& name, std::int8_t operation, const std::string& value) {
    kafka::IncrementalAlterConfigsRequest request;
    kafka::IncrementalAlterConfigsRequest::AlterConfigsResource resource;
    resource.resource_type = 2;
    resource.resource_name = "orders";
    kafka::IncrementalAlterConfigsRequest::AlterableConfig config;
    config.name = name;
    config.config_operation = operation;
    config.value = value;
    resource.configs.push_back(config);
    request.resources.push_back(resource);
    auto decision = controller_.incremental_alter_configs(request);
    apply(decision.records);
    return decision.response.responses.at(0).error_code;
  };
  const Resource orders{ResourceType::kTopic, "orders"};
  EXPECT_EQ(alter("retention.ms", 0, "5000"), 0);
  EXPECT_EQ(controller_.image().configs(orders).at("retention.ms"), "5000");
  EXPECT_EQ(alter("retention.ms", 0, "soon"), to_wire(ErrorCode::kInvalidConfig));
  EXPECT_EQ(alter("retention.ms", 2, "1"), to_wire(ErrorCode::kInvalidConfig));
  EXPECT_EQ(alter("no.such", 0, "1"), to_wire(ErrorCode::kInvalidConfig));
  EXPECT_EQ(alter("cleanup.policy", 0, "delete"), 0);
  EXPECT_EQ(alter("cleanup.policy", 2, "compact"), 0);
  EXPECT_EQ(controller_.image().configs(orders).at("cleanup.policy"), "delete,compact");
  EXPECT_EQ(alter("cleanup.policy", 3, "delete"), 0);
  EXPECT_EQ(controller_.image().configs(orders).at("cleanup.policy"), "compact");
  EXPECT_EQ(alter("retention.ms", 1, ""), 0);
  EXPECT_FALSE(controller_.image().configs(orders).contains("retention.ms"));
}

TEST_F(ControllerTest, SnapshotRecordsMakeTheSameImage) {
  beat(1, register_broker(1));
  create("orders", 3);
  create("events", 2);
  ImageBuilder rebuilt;
  ASSERT_TRUE(ImageBuilder::take_apart(controller_.image(), [&](const Record& record) {
                return rebuilt.replay(record);
              }).has_value());
  EXPECT_EQ(rebuilt.image().features(), controller_.image().features());
  EXPECT_EQ(*rebuilt.image().broker(kafka::NodeId(1)), *controller_.image().broker(kafka::NodeId(1)));
  ASSERT_EQ(rebuilt.image().topic_count(), 2U);
  EXPECT_EQ(*rebuilt.image().topic("orders")->partition(kafka::PartitionId(2)), partition("orders", 2));
}

TEST_F(ControllerTest, AnImageFromASnapshotIsToldAsWhatDiffers) {
  beat(1, register_broker(1));
  create("kept", 2);
  create("deleted", 1);
  create("changed", 1);
  ImageBuilder follower(controller_.image());
  // Meanwhile, and told by no record that the follower reads.
  kafka::DeleteTopicsRequest request;
  kafka::DeleteTopicsRequest::DeleteTopicState state;
  state.name = "deleted";
  request.topics.push_back(state);
  apply(controller_.delete_topics(request).records);
  create("created", 1);
  kafka::PartitionChangeRecord change;
  change.topic_id = controller_.image().topic("changed")->id;
  change.partition_id = 0;
  change.leader = -1;
  apply({change});
  kafka::ConfigRecord config;
  config.resource_type = 2;
  config.resource_name = "kept";
  config.name = "retention.ms";
  config.value = "1000";
  apply({config});
  ImageBuilder snapshot;
  ASSERT_TRUE(ImageBuilder::take_apart(controller_.image(), [&](const Record& record) {
                return snapshot.replay(record);
              }).has_value());
  snapshot.set_position(kafka::Offset(99), kafka::LeaderEpoch(3));

  follower.become(snapshot.image());
  const auto update = follower.publish();
  std::set<std::string> names;
  for (const auto& id : update.changed_topics) {
    const auto topic = update.after->topic(id) ? update.after->topic(id) : update.before->topic(id);
    names.insert(topic->name);
  }
  EXPECT_EQ(names, (std::set<std::string>{"deleted", "created", "changed"}));
  EXPECT_EQ(update.changed_configs, (std::vector<Resource>{{ResourceType::kTopic, "kept"}}));
  EXPECT_FALSE(update.is_brokers_changed);
  EXPECT_EQ(update.after->last_offset(), kafka::Offset(99));
  EXPECT_EQ(update.after->topic("deleted"), nullptr);
  EXPECT_NE(update.before->topic("deleted"), nullptr);
}

TEST_F(ControllerTest, APublishedImageDoesNotChange) {
  beat(1, register_broker(1));
  create("orders");
  const ImagePtr before = controller_.publish(kafka::Offset(10), kafka::LeaderEpoch(1)).after;
  now_ += base::seconds(10);
  apply(controller_.due_work(now_).records);
  create("late");
  EXPECT_EQ(before->topic("orders")->partition(kafka::PartitionId(0))->leader, 1);
  EXPECT_EQ(before->topic("late"), nullptr);
  const auto update = controller_.publish(kafka::Offset(20), kafka::LeaderEpoch(1));
  EXPECT_EQ(update.before, before);
  EXPECT_EQ(update.changed_topics.size(), 1U);
  EXPECT_TRUE(update.is_brokers_changed);
}

}  // namespace
}  // namespace penstock::metadata
