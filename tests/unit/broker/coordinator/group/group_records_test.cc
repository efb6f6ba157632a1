// Bytes of the records, as Kafka 4.3.1 writes them.
#include "broker/coordinator/group/group_records.h"

#include "base/uuid.h"
#include "kafka/record_batch.h"

namespace penstock::coordinator {
namespace {

std::string hex(base::ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

TEST(GroupRecords, OffsetCommitIsVersionFour) {
  kafka::OffsetCommitValue value;
  value.offset = 42;
  value.leader_epoch = 3;
  value.metadata = "m";
  value.commit_timestamp = 0x1122334455;
  const CoordinatorRecord record = offset_record({"g", "t", 7}, value);
  EXPECT_EQ(hex(record.key),
            "0001"
            "000167"
            "000174"
            "00000007");
  EXPECT_EQ(hex(*record.value),
            "0004"
            "000000000000002a"
            "00000003"
            "026d"
            "0000001122334455"
            "00");
  value.topic_id = {1, 2};
  EXPECT_EQ(hex(*offset_record({"g", "t", 7}, value).value),
            "0004"
            "000000000000002a"
            "00000003"
            "026d"
            "0000001122334455"
            "01"
            "00"
            "10"
            "0000000000000001"
            "0000000000000002");
}

TEST(GroupRecords, OffsetWithARetentionOfItsOwnIsVersionOne) {
  kafka::OffsetCommitValue value;
  value.offset = 1;
  value.expire_timestamp = 5;
  EXPECT_EQ(hex(*offset_record({"g", "t", 0}, value).value),
            "0001"
            "0000000000000001"
            "0000"
            "0000000000000000"
            "0000000000000005");
}

TEST(GroupRecords, GroupIsVersionThree) {
  kafka::GroupMetadataValue value;
  value.protocol.reset();
  value.leader.reset();
  value.current_state_timestamp = 9;
  const CoordinatorRecord record = group_record("g", value);
  EXPECT_EQ(hex(record.key),
            "0002"
            "000167");
  EXPECT_EQ(hex(*record.value),
            "0003"
            "0000"
            "00000000"
            "ffff"
            "ffff"
            "0000000000000009"
            "00000000");
  EXPECT_FALSE(group_tombstone("g").value);
}

TEST(GroupRecords, WhatIsWrittenIsReadBack) {
  kafka::GroupMetadataValue value;
  value.protocol_type = "consumer";
  value.generation = 4;
  auto& member = value.members.emplace_back();
  member.member_id = "m";
  member.group_instance_id = "i";
  member.subscription = {1, 2};
  member.assignment = {3};
  const CoordinatorRecord record = group_record("g", value);
  const auto parsed = parse_record(record.key, base::ByteSpan(*record.value));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(std::get<GroupRecord>(*parsed).group_id, "g");
  EXPECT_EQ(std::get<GroupRecord>(*parsed).value, value);
}

TEST(GroupRecords, BatchIsPlainAndWhole) {
  const auto batch = encode_batch({offset_record({"g", "t", 0}, {}), group_tombstone("g")}, 1'000);
  ASSERT_TRUE(batch.has_value());
  const auto view = kafka::RecordBatchView::parse(*batch);
  ASSERT_TRUE(view.has_value());
  EXPECT_TRUE(view->is_crc_valid());
  EXPECT_EQ(view->attributes(), 0);
  EXPECT_EQ(view->count(), 2);
  EXPECT_EQ(view->max_timestamp(), 1'000);
  EXPECT_FALSE(view->has_producer_id());
}

}  // namespace
}  // namespace penstock::coordinator
