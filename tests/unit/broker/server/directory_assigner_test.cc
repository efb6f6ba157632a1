#include "broker/server/directory_assigner.h"

#include <gtest/gtest.h>

#include "broker/metadata/image_builder.h"

namespace penstock::server {
namespace {

const base::Uuid kTopic{3, 1};
const base::Uuid kOld{7, 1};
const base::Uuid kNew{7, 2};

void add_partition(metadata::ImageBuilder& builder, std::int32_t index, std::vector<std::int32_t> replicas,
                   std::vector<base::Uuid> directories) {
  kafka::PartitionRecord record;
  record.topic_id = kTopic;
  record.partition_id = index;
  record.replicas = replicas;
  record.isr = replicas;
  record.leader = replicas.front();
  record.directories = std::move(directories);
  ASSERT_TRUE(builder.replay(record).has_value());
}

TEST(DirectoryAssigner, TellsOfItsReplicasThatTheMetadataHasElsewhere) {
  metadata::ImageBuilder builder;
  kafka::TopicRecord topic;
  topic.name = "orders";
  topic.topic_id = kTopic;
  ASSERT_TRUE(builder.replay(topic).has_value());
  add_partition(builder, 0, {1, 2}, {kOld, kOld});
  add_partition(builder, 1, {1, 2}, {kNew, kOld});
  add_partition(builder, 2, {2, 3}, {kOld, kOld});

  const auto told = DirectoryAssigner::misplaced(builder.image(), kafka::NodeId(1), kNew);
  EXPECT_EQ(told.broker_id, 1);
  ASSERT_EQ(told.directories.size(), 1U);
  EXPECT_EQ(told.directories[0].id, kNew);
  ASSERT_EQ(told.directories[0].topics.size(), 1U);
  EXPECT_EQ(told.directories[0].topics[0].topic_id, kTopic);
  ASSERT_EQ(told.directories[0].topics[0].partitions.size(), 1U);
  EXPECT_EQ(told.directories[0].topics[0].partitions[0].partition_index, 0);

  EXPECT_TRUE(DirectoryAssigner::misplaced(builder.image(), kafka::NodeId(4), kNew).directories.empty());
  EXPECT_TRUE(DirectoryAssigner::misplaced(builder.image(), kafka::NodeId(3), kOld).directories.empty());
}

}  // namespace
}  // namespace penstock::server
