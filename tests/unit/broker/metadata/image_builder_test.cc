// Records that do not fit what came before are refused, naming them; those that fit make the image.
#include "broker/metadata/image_builder.h"

#include <gtest/gtest.h>

#include <limits>

#include "broker/metadata/batch_replay.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/features.h"
#include "kafka/codec.h"
#include "kafka/messages/client_quota_record.h"
#include "kafka/record_batch_builder.h"

namespace penstock::metadata {
namespace {

constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
constexpr base::Uuid kTopic{1, 2};

kafka::PartitionRecord partition_record() {
  kafka::PartitionRecord record;
  record.topic_id = kTopic;
  record.replicas = record.isr = {1, 2};
  record.leader = 1;
  record.leader_epoch = record.partition_epoch = 0;
  record.partition_id = 0;
  return record;
}

kafka::PartitionChangeRecord change_record() {
  kafka::PartitionChangeRecord record;
  record.topic_id = kTopic;
  record.partition_id = 0;
  return record;
}

class Image : public testing::Test {
 protected:
  Image() {
    kafka::TopicRecord topic;
    topic.name = "orders";
    topic.topic_id = kTopic;
    EXPECT_TRUE(builder_.replay(topic).has_value());
  }
  // What is said of a record that is refused; empty when it is not.
  std::string refusal(const Record& record) {
    const auto replayed = builder_.replay(record);
    return replayed ? "" : replayed.error().what();
  }
  const Partition& partition() { return *builder_.image().partition(kTopic, kafka::PartitionId(0)); }

  ImageBuilder builder_;
};

TEST_F(Image, RefusesPartitionsThatNobodyCanWorkWith) {
  auto record = partition_record();
  record.replicas.clear();
  EXPECT_EQ(refusal(record), "PartitionRecord: orders-0 has no replicas");
  record = partition_record();
  record.directories = {kTopic};
  EXPECT_EQ(refusal(record), "PartitionRecord: orders-0 has 1 directories for 2 replicas");
  record = partition_record();
  record.partition_id = 1'000'000;
  EXPECT_EQ(refusal(record), "PartitionRecord: partition 1000000 of 'orders', which has 0");
  record.partition_id = -1;
  EXPECT_EQ(refusal(record), "PartitionRecord: partition -1 of 'orders', which has 0");
  EXPECT_EQ(refusal(partition_record()), "");
  EXPECT_EQ(partition().directories.size(), 2U);
}

TEST_F(Image, RefusesChangesThatAPartitionCannotTake) {
  EXPECT_EQ(refusal(change_record()), "PartitionChangeRecord: 'orders' has no partition 0");
  ASSERT_EQ(refusal(partition_record()), "");
  const Partition before = partition();
  auto change = change_record();
  change.directories = {kTopic};
  EXPECT_EQ(refusal(change), "PartitionChangeRecord: orders-0 has 1 directories for 2 replicas");
  change = change_record();
  change.replicas.emplace();
  EXPECT_EQ(refusal(change), "PartitionChangeRecord: orders-0 has no replicas");
  EXPECT_EQ(partition(), before);
  change.replicas = {2};
  EXPECT_EQ(refusal(change), "");
  EXPECT_EQ(partition().directories.size(), 1U);
}

TEST_F(Image, RefusesAnEpochBehindTheLast) {
  auto record = partition_record();
  record.leader_epoch = kLast;
  ASSERT_EQ(refusal(record), "");
  auto change = change_record();
  change.leader = 2;
  EXPECT_EQ(refusal(change), "PartitionChangeRecord: orders-0 has no epochs left");
  record.leader_epoch = 0;
  record.partition_epoch = kLast;
  record.eligible_leader_replicas = {2};
  ASSERT_EQ(refusal(record), "");
  EXPECT_EQ(refusal(change_record()), "PartitionChangeRecord: orders-0 has no epochs left");
  EXPECT_EQ(refusal(kafka::ClearElrRecord{}), "ClearElrRecord: orders has no epochs left");
}

TEST_F(Image, RefusesAFeatureBelowZero) {
  kafka::FeatureLevelRecord record;
  record.name = kMetadataVersion;
  record.feature_level = -1;
  EXPECT_EQ(refusal(record), "FeatureLevelRecord: feature 'metadata.version' at level -1");
}

TEST_F(Image, ReadsALogThatBeganBeforeKafka4) {
  const auto decoded = decode_record(encode_record(kafka::ZkMigrationStateRecord{}));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(refusal(*decoded), "");
}

TEST_F(Image, NamesARecordOfATransactionThatDoesNotFit) {
  ASSERT_EQ(refusal(kafka::BeginTransactionRecord{}), "");
  kafka::RemoveTopicRecord remove;
  ASSERT_EQ(refusal(remove), "");
  EXPECT_EQ(refusal(kafka::EndTransactionRecord{}),
            "EndTransactionRecord: RemoveTopicRecord: there is no topic AAAAAAAAAAAAAAAAAAAAAA");
}

base::Bytes framed_quota(const std::vector<std::pair<std::string, std::optional<std::string>>>& entity) {
  kafka::ClientQuotaRecord record;
  for (const auto& [type, name] : entity) {
    auto& part = record.entity.emplace_back();
    part.entity_type = type;
    part.entity_name = name;
  }
  record.key = "producer_byte_rate";
  base::ByteWriter writer;
  writer.write_unsigned_varint(1);
  writer.write_unsigned_varint(static_cast<std::uint32_t>(kafka::ClientQuotaRecord::kRecordKey));
  writer.write_unsigned_varint(0);
  EXPECT_TRUE(kafka::encode(record, 0, writer).has_value());
  return writer.take();
}

TEST_F(Image, KeepsQuotasOfEntitiesApartWhoseNamesLookAlike) {
  for (const auto& bytes :
       {framed_quota({{"user", std::nullopt}}), framed_quota({{"user", "<default>"}}),
        framed_quota({{"user", "default"}}), framed_quota({{"user", "a/user=b"}}),
        framed_quota({{"user", "a"}, {"user", "b"}}), framed_quota({{"user", "a"}, {"user", "b"}})}) {
    const auto record = decode_record(bytes);
    ASSERT_TRUE(record.has_value());
    ASSERT_EQ(refusal(*record), "");
  }
  int quotas = 0;
  const auto count = [&](const Record& record) -> base::Result<> {
    quotas += std::holds_alternative<OpaqueRecord>(record) ? 1 : 0;
    return {};
  };
  ASSERT_TRUE(ImageBuilder::take_apart(builder_.image(), count).has_value());
  EXPECT_EQ(quotas, 5);
}

TEST_F(Image, ABatchThatEndsEarlyIsRefusedAndSoIsARecordInIt) {
  kafka::RecordBatchOptions options;
  options.base_offset = kafka::Offset(7);
  kafka::RecordBatchBuilder records(options);
  records.append(0, std::nullopt, base::ByteSpan(encode_record(kafka::NoOpRecord{})));
  records.append(0, std::nullopt, base::ByteSpan(encode_record(kafka::RemoveTopicRecord{})));
  auto bytes = records.build().value();
  auto replayed = replay_batch(kafka::RecordBatchView::parse(bytes).value(), builder_);
  ASSERT_FALSE(replayed.has_value());
  EXPECT_TRUE(replayed.error().what().starts_with("metadata record at offset 8: RemoveTopicRecord: "));
  base::store_be(bytes.data() + kafka::kBatchCountAt, std::int32_t{1});
  replayed = replay_batch(kafka::RecordBatchView::parse(bytes).value(), builder_);
  ASSERT_FALSE(replayed.has_value());
  EXPECT_TRUE(replayed.error().what().starts_with("metadata batch at offset 7: "));
}

TEST_F(Image, HoursThatAreLongerThanTimeMeanNever) {
  kafka::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ResourceType::kBroker);
  record.name = "log.retention.hours";
  record.value = "9223372036854775807";
  ASSERT_EQ(refusal(record), "");
  const BrokerConfigView configs(kafka::NodeId(1), {}, {});
  EXPECT_EQ(configs.topic_value(builder_.image(), "orders", "retention.ms"), "9223372036854775807");
}

}  // namespace
}  // namespace penstock::metadata
