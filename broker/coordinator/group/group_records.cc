#include "broker/coordinator/group/group_records.h"

#include <utility>

#include <fmt/core.h>

#include "base/assert.h"
#include "kafka/codec.h"
#include "kafka/messages/group_metadata_key.h"
#include "kafka/messages/offset_commit_key.h"
#include "kafka/record_batch_builder.h"

namespace penstock::coordinator {

namespace {

// The first two bytes of a key say what the record is; 0 is an older OffsetCommitKey of the same layout.
constexpr std::int16_t kLegacyOffsetKeyType = 0;
constexpr std::int16_t kKeyVersion = 0;
constexpr std::int16_t kGroupValueVersion = 3;
constexpr std::int16_t kOffsetValueVersion = 4;
constexpr std::int16_t kExpiringOffsetValueVersion = 1;  // The only one with an expiry time of its own.

template <typename Message>
base::Bytes with_prefix(std::int16_t prefix, const Message& message, std::int16_t version) {
  base::ByteWriter writer;
  writer.write_int16(prefix);
  const auto encoded = kafka::encode(message, version, writer);
  BASE_ASSERT(encoded.has_value(), "a coordinator record cannot be encoded");
  return writer.take();
}

base::Bytes group_key(const std::string& group_id) {
  kafka::GroupMetadataKey key;
  key.group = group_id;
  return with_prefix(kafka::GroupMetadataKey::kRecordKey, key, kKeyVersion);
}

base::Bytes offset_key(const OffsetKey& from) {
  kafka::OffsetCommitKey key;
  key.group = from.group_id;
  key.topic = from.topic;
  key.partition = from.partition;
  return with_prefix(kafka::OffsetCommitKey::kRecordKey, key, kKeyVersion);
}

template <typename Value>
base::Result<std::optional<Value>> parse_value(std::optional<base::ByteSpan> bytes) {
  if (!bytes) return std::nullopt;
  base::ByteReader reader(*bytes);
  const std::int16_t version = reader.read_int16();
  if (reader.failed()) return base::fail(base::Errc::kCorrupt, "coordinator record: value without version");
  TRY_ASSIGN(Value value, kafka::decode<Value>(reader, version));
  return value;
}

}  // namespace

CoordinatorRecord group_record(const std::string& group_id, const kafka::GroupMetadataValue& value) {
  return {group_key(group_id), with_prefix(kGroupValueVersion, value, kGroupValueVersion)};
}

CoordinatorRecord group_tombstone(const std::string& group_id) { return {group_key(group_id), std::nullopt}; }

CoordinatorRecord offset_record(const OffsetKey& key, const kafka::OffsetCommitValue& value) {
  const std::int16_t version =
      value.expire_timestamp >= 0 ? kExpiringOffsetValueVersion : kOffsetValueVersion;
  return {offset_key(key), with_prefix(version, value, version)};
}

CoordinatorRecord offset_tombstone(const OffsetKey& key) { return {offset_key(key), std::nullopt}; }

base::Result<ParsedRecord> parse_record(base::ByteSpan key, std::optional<base::ByteSpan> value) {
  base::ByteReader reader(key);
  const std::int16_t type = reader.read_int16();
  if (reader.failed()) return base::fail(base::Errc::kCorrupt, "coordinator record: key without type");
  if (type == kLegacyOffsetKeyType || type == kafka::OffsetCommitKey::kRecordKey) {
    TRY_ASSIGN(auto parsed, kafka::decode<kafka::OffsetCommitKey>(reader, kKeyVersion));
    TRY_ASSIGN(auto parsed_value, parse_value<kafka::OffsetCommitValue>(value));
    return OffsetRecord{.key = {std::move(parsed.group), std::move(parsed.topic), parsed.partition},
                        .value = std::move(parsed_value)};
  }
  if (type == kafka::GroupMetadataKey::kRecordKey) {
    TRY_ASSIGN(auto parsed, kafka::decode<kafka::GroupMetadataKey>(reader, kKeyVersion));
    TRY_ASSIGN(auto parsed_value, parse_value<kafka::GroupMetadataValue>(value));
    return GroupRecord{.group_id = std::move(parsed.group), .value = std::move(parsed_value)};
  }
  return ForeignRecord{type};
}

base::Result<base::Bytes> encode_batch(const std::vector<CoordinatorRecord>& records, std::int64_t wall_ms) {
  BASE_ASSERT(!records.empty(), "a batch of no records");
  kafka::RecordBatchBuilder builder{kafka::RecordBatchOptions{}};
  for (const CoordinatorRecord& record : records) {
    std::optional<base::ByteSpan> value;
    if (record.value) value = base::ByteSpan(*record.value);
    builder.append(wall_ms, base::ByteSpan(record.key), value);
  }
  return builder.build();
}

}  // namespace penstock::coordinator
