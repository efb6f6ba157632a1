#include "kafka/codec.h"

#include "kafka/message_registry.h"
#include "kafka/messages/api_versions_response.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/partition_change_record.h"
#include "kafka/messages/produce_request.h"
#include "kafka/messages/request_header.h"

namespace penstock::kafka {
namespace {

using base::ByteReader;
using base::Bytes;
using base::ByteWriter;
using base::Errc;

template <typename T>
Bytes encoded(const T& message, std::int16_t version) {
  ByteWriter writer;
  auto done = encode(message, version, writer);
  EXPECT_TRUE(done) << (done ? "" : done.error().what());
  return writer.take();
}

template <typename T>
base::Result<T> decoded(const Bytes& bytes, std::int16_t version) {
  ByteReader reader(bytes);
  return decode<T>(reader, version);
}

FetchRequest fetch_request() {
  FetchRequest request;
  request.cluster_id = "cluster";
  request.max_wait_ms = 500;
  request.replica_state = {.replica_id = 3, .replica_epoch = 7};
  request.topics.push_back({.topic_id = {1, 2}, .partitions = {{.partition = 4, .fetch_offset = 99}}});
  return request;
}

TEST(Codec, GivesBackWhatWasEncoded) {
  const FetchRequest request = fetch_request();
  auto back = decoded<FetchRequest>(encoded(request, 17), 17);
  ASSERT_TRUE(back) << back.error().what();
  EXPECT_EQ(*back, request);
}

TEST(Codec, EncodesTheBytesOfTheProtocol) {
  RequestHeader header;
  header.request_api_key = 18;
  header.request_api_version = 3;
  header.correlation_id = 7;
  header.client_id = "ab";
  // The client id keeps its two-byte length although version 2 is flexible.
  EXPECT_EQ(encoded(header, 2), (Bytes{0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 'a', 'b', 0}));
  header.client_id.reset();
  EXPECT_EQ(encoded(header, 1), (Bytes{0, 18, 0, 3, 0, 0, 0, 7, 0xff, 0xff}));
}

TEST(Codec, FailsWhenCutShortAnywhere) {
  const Bytes bytes = encoded(fetch_request(), 17);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    auto back = decoded<FetchRequest>(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)), 17);
    ASSERT_FALSE(back) << length;
    EXPECT_EQ(back.error().code(), Errc::kCorrupt);
  }
}

TEST(Codec, LeavesWhatFollowsTheMessage) {
  Bytes bytes = encoded(fetch_request(), 17);
  bytes.insert(bytes.end(), {1, 2, 3});
  ByteReader reader(bytes);
  ASSERT_TRUE(decode<FetchRequest>(reader, 17));
  EXPECT_EQ(reader.remaining(), 3U);
}

TEST(Codec, NamesTheFieldThatAVersionLacks) {
  MetadataRequest request;
  request.topics.emplace();
  request.allow_auto_topic_creation = false;
  ByteWriter writer;
  auto done = encode(request, 1, writer);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::kUnsupported);
  EXPECT_NE(done.error().what().find("MetadataRequest v1: allow_auto_topic_creation"), std::string::npos)
      << done.error().what();
}

TEST(Codec, DropsAnIgnorableFieldThatAVersionLacks) {
  ApiVersionsResponse response;
  response.throttle_time_ms = 9;
  auto back = decoded<ApiVersionsResponse>(encoded(response, 0), 0);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->throttle_time_ms, 0);
}

TEST(Codec, RefusesNullWhereTheVersionHasNone) {
  MetadataRequest request;
  request.topics.reset();
  ByteWriter writer;
  auto done = encode(request, 0, writer);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::kInvalidArgument);
  EXPECT_FALSE(decoded<MetadataRequest>({0xff, 0xff, 0xff, 0xff}, 0));
  EXPECT_FALSE(decoded<MetadataRequest>({0xff, 0xff, 0xff, 0xff}, 1)->topics.has_value());
}

TEST(Codec, RefusesUnknownVersions) {
  ByteWriter writer;
  EXPECT_EQ(encode(FetchRequest(), 3, writer).error().code(), Errc::kUnsupported);
  EXPECT_EQ(encode(FetchRequest(), 19, writer).error().code(), Errc::kUnsupported);
  EXPECT_EQ(decoded<FetchRequest>({}, -1).error().code(), Errc::kUnsupported);
}

TEST(Codec, RefusesHostileCountsWithoutAllocating) {
  // A count of 2^31-1, of 5 where one byte is left, and a negative one that is not null.
  EXPECT_FALSE(decoded<MetadataRequest>({0x7f, 0xff, 0xff, 0xff, 0}, 1));
  EXPECT_FALSE(decoded<MetadataRequest>({0, 0, 0, 5, 0}, 1));
  EXPECT_FALSE(decoded<MetadataRequest>({0xff, 0xff, 0xff, 0xfe, 0}, 1));
  EXPECT_FALSE(decoded<MetadataRequest>({0xff, 0xff, 0xff, 0xff, 0x0f, 0}, 9));
}

TEST(Codec, RefusesMessagesThatWouldTakeFarMoreMemoryThanTheirBytes) {
  // Topics with an empty name: each two bytes on the wire and more than fifty in memory.
  const auto topics = [](std::uint32_t count) {
    ByteWriter writer;
    writer.write_unsigned_varint(count + 1);
    for (std::uint32_t i = 0; i < count; ++i) writer.write_bytes(Bytes{1, 0});
    writer.write_bytes(Bytes{0, 0, 0, 0});
    return writer.take();
  };
  EXPECT_TRUE(decoded<MetadataRequest>(topics(100), 9));
  auto back = decoded<MetadataRequest>(topics(100'000), 9);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().what().find("memory"), std::string::npos) << back.error().what();
}

PartitionChangeRecord change(std::vector<std::int32_t> isr) {
  PartitionChangeRecord record;
  record.topic_id = {1, 2};
  record.isr = std::move(isr);
  record.leader = 5;
  return record;
}

TEST(TaggedFields, AreWrittenInOrderAndOnlyWhenSet) {
  PartitionChangeRecord record;
  const std::size_t bare = encoded(record, 0).size();
  record.leader_recovery_state = 1;
  record.leader = 5;
  const Bytes bytes = encoded(record, 0);
  const Bytes tail(bytes.begin() + static_cast<long>(bare) - 1, bytes.end());
  EXPECT_EQ(tail, (Bytes{2, 1, 4, 0, 0, 0, 5, 5, 1, 1}));
}

TEST(TaggedFields, LongerThanOneByteOfSizeComeBack) {
  const PartitionChangeRecord record = change(std::vector<std::int32_t>(5000, 77));
  auto back = decoded<PartitionChangeRecord>(encoded(record, 0), 0);
  ASSERT_TRUE(back) << back.error().what();
  EXPECT_EQ(*back, record);
}

// A metadata request of version 9 with nothing but the given tagged fields.
base::Result<MetadataRequest> with_tags(const Bytes& tags) {
  Bytes bytes{0, 0, 0, 0};
  bytes.insert(bytes.end(), tags.begin(), tags.end());
  return decoded<MetadataRequest>(bytes, 9);
}

TEST(TaggedFields, UnknownOnesAreSkipped) { EXPECT_TRUE(with_tags({2, 5, 1, 0xaa, 9, 0})); }

TEST(TaggedFields, AreRefusedOutOfOrderTwiceTooLongOrTooMany) {
  EXPECT_FALSE(with_tags({2, 9, 0, 5, 0}));
  EXPECT_FALSE(with_tags({2, 5, 0, 5, 0}));
  EXPECT_FALSE(with_tags({1, 5, 2, 0}));
  Bytes many{65};
  for (std::uint8_t tag = 0; tag < 65; ++tag) many.insert(many.end(), {tag, 0});
  EXPECT_FALSE(with_tags(many));
  many[0] = 64;
  EXPECT_TRUE(with_tags(many));
}

TEST(TaggedFields, MustHaveTheAnnouncedSize) {
  PartitionChangeRecord record;
  record.leader = 5;
  Bytes bytes = encoded(record, 0);
  bytes[bytes.size() - 5] = 3;  // The size of the leader's four bytes.
  EXPECT_FALSE(decoded<PartitionChangeRecord>(bytes, 0));
}

TEST(Records, AreBorrowedFromTheBufferOrOwnedWithIt) {
  ProduceRequest request;
  request.topic_data.push_back(
      {.name = "t", .partition_data = {{.index = 0, .records = RecordsRef::shared({1, 2, 3})}}});
  auto buffer = std::make_shared<const Bytes>(encoded(request, 9));
  ByteReader reader(*buffer);
  auto back = decode<ProduceRequest>(reader, 9, buffer);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, request);
  const RecordsRef& records = *back->topic_data[0].partition_data[0].records;
  EXPECT_GE(records.bytes.data(), buffer->data());
  EXPECT_LT(records.bytes.data(), buffer->data() + buffer->size());
  EXPECT_EQ(records.owner, buffer);
}

TEST(Records, AreLeftOutAndNotedWithPieces) {
  FetchResponse response;
  FetchResponse::FetchableTopicResponse topic;
  topic.partitions.push_back({.records = RecordsRef::shared({1, 2, 3})});
  topic.partitions.push_back({.records = RecordsRef::file(0, 100, 50)});
  topic.partitions.push_back({.records = RecordsRef{}});
  response.responses.push_back(topic);
  ByteWriter writer;
  std::vector<RecordsPiece> pieces;
  ASSERT_TRUE(encode(response, 12, writer, &pieces));
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(writer.span()[pieces[0].position - 1], 4);  // The compact length of three bytes.
  EXPECT_EQ(writer.span()[pieces[1].position - 1], 51);
  EXPECT_EQ(pieces[1].records.position, 100);

  ByteWriter without;
  without.write_int8(1);
  EXPECT_EQ(encode(response, 12, without).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(without.size(), 1U);
}

TEST(HeaderVersions, FollowTheBodyExceptForApiVersions) {
  EXPECT_EQ(request_header_version(ApiKey::kFetch, 11), 1);
  EXPECT_EQ(request_header_version(ApiKey::kFetch, 12), 2);
  EXPECT_EQ(response_header_version(ApiKey::kFetch, 12), 1);
  EXPECT_EQ(request_header_version(ApiKey::kApiVersions, 3), 2);
  EXPECT_EQ(response_header_version(ApiKey::kApiVersions, 3), 0);
}

TEST(MessageRegistry, FindsRequestsAndResponses) {
  EXPECT_EQ(descriptor(ApiKey::kFetch, true), &FetchRequest::kDescriptor);
  EXPECT_EQ(descriptor(ApiKey::kFetch, false), &FetchResponse::kDescriptor);
  EXPECT_EQ(descriptor(static_cast<ApiKey>(4), true), nullptr);
  EXPECT_EQ(find_message("PartitionChangeRecord"), &PartitionChangeRecord::kDescriptor);
}

}  // namespace
}  // namespace penstock::kafka
