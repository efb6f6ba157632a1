// The records of __consumer_offsets that we write and read: group metadata and committed offsets, in the
// versions that Kafka 4.3 writes. Others (consumer, share and streams groups) are recognised and passed over.
//
// Source: Kafka's GroupCoordinatorRecordHelpers and GroupCoordinatorRecordSerde.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/messages/group_metadata_value.h"
#include "kafka/messages/offset_commit_value.h"

namespace penstock::coordinator {

// Key and value as they lie in the log, their versions first. No value: a tombstone.
struct CoordinatorRecord {
  base::Bytes key;
  std::optional<base::Bytes> value;
};

struct OffsetKey {
  std::string group_id;
  std::string topic;
  std::int32_t partition = 0;
};

CoordinatorRecord group_record(const std::string& group_id, const kafka::GroupMetadataValue& value);
CoordinatorRecord group_tombstone(const std::string& group_id);
CoordinatorRecord offset_record(const OffsetKey& key, const kafka::OffsetCommitValue& value);
CoordinatorRecord offset_tombstone(const OffsetKey& key);

struct GroupRecord {
  std::string group_id;
  std::optional<kafka::GroupMetadataValue> value;
};
struct OffsetRecord {
  OffsetKey key;
  std::optional<kafka::OffsetCommitValue> value;
};
// A record that belongs to what we do not have.
struct ForeignRecord {
  std::int16_t key_type = 0;
};
using ParsedRecord = std::variant<GroupRecord, OffsetRecord, ForeignRecord>;

// ERRORS: kCorrupt; kUnsupported (a version of the value that is newer than ours).
base::Result<ParsedRecord> parse_record(base::ByteSpan key, std::optional<base::ByteSpan> value);

// One batch of them, as the Java coordinator writes it: CreateTime, not compressed.
// ERRORS: those of the batch builder.
base::Result<base::Bytes> encode_batch(const std::vector<CoordinatorRecord>& records, std::int64_t wall_ms);

}  // namespace penstock::coordinator
