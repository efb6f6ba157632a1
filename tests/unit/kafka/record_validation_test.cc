#include "kafka/record_validation.h"

#include <gtest/gtest.h>

#include "kafka/error_codes.h"
#include "kafka/record_batch_builder.h"
#include "tests/unit/kafka/golden.h"

namespace penstock::kafka {
namespace {

using base::as_bytes;
using base::Bytes;

constexpr std::int64_t kNow = 1700000000000;

class RecordValidation : public ::testing::Test {
 protected:
  Bytes batch_of(int count, Compression compression = Compression::kNone,
                 std::int64_t first_timestamp = kNow - 10, bool has_keys = true) {
    RecordBatchOptions options;
    options.compression = compression;
    RecordBatchBuilder builder(options);
    for (int i = 0; i < count; ++i) {
      builder.append(first_timestamp + i, has_keys ? std::optional(as_bytes("key")) : std::nullopt,
                     as_bytes("some value"));
    }
    return builder.build().value();
  }

  RecordVerdict check(Bytes& bytes) {
    return validate_produced(bytes, rules_, kNow, "orders-3", decompressor_);
  }
  ErrorCode code(Bytes bytes) { return check(bytes).error; }

  // A change to the header after which the CRC is right again.
  template <typename T>
  Bytes with(Bytes bytes, std::size_t at, T value) {
    base::store_be(bytes.data() + at, value);
    rewrite_crc(bytes);
    return bytes;
  }

  RecordRules rules_;
  Decompressor decompressor_;
};

TEST_F(RecordValidation, AcceptsGoodBatchesAndLeavesTheBytesAlone) {
  for (int codec = 0; codec <= 4; ++codec) {
    Bytes bytes = batch_of(20, static_cast<Compression>(codec));
    const Bytes before = bytes;
    const RecordVerdict verdict = check(bytes);
    ASSERT_TRUE(verdict.is_ok()) << verdict.message;
    EXPECT_EQ(bytes, before);
    EXPECT_TRUE(verdict.converted.empty());
    EXPECT_EQ(verdict.record_count, 20);
    EXPECT_EQ(verdict.last_offset_delta, 19);
    EXPECT_EQ(verdict.max_timestamp, kNow + 9);
    EXPECT_EQ(verdict.log_append_time_ms, kNoTimestamp);
  }
}

TEST_F(RecordValidation, RefusesABrokenEnvelope) {
  EXPECT_EQ(code({}), ErrorCode::kInvalidRecord);
  Bytes two = batch_of(1);
  const Bytes second = batch_of(1);
  two.insert(two.end(), second.begin(), second.end());
  EXPECT_EQ(code(two), ErrorCode::kInvalidRecord);
  Bytes cut = batch_of(2);
  cut.pop_back();
  EXPECT_EQ(code(cut), ErrorCode::kInvalidRecord);
  Bytes old = batch_of(1);
  old[kBatchMagicAt] = 1;
  EXPECT_EQ(code(old), ErrorCode::kInvalidRecord);
}

TEST_F(RecordValidation, RefusesAWrongCrcBeforeAnythingInIt) {
  Bytes bytes = batch_of(3);
  for (std::size_t at = kBatchMaxTimestampAt; at < bytes.size(); ++at) {
    Bytes changed = bytes;
    changed[at] ^= 0x40;
    EXPECT_EQ(code(changed), ErrorCode::kCorruptMessage) << at;
  }
}

TEST_F(RecordValidation, RefusesImpossibleHeaders) {
  const Bytes good = batch_of(3);
  EXPECT_EQ(code(with(good, kBatchCountAt, std::int32_t{4})), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchCountAt, std::int32_t{-1})), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchLastOffsetDeltaAt, std::int32_t{-1})), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchBaseOffsetAt, std::int64_t{1})), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchAttributesAt, kAttributeControl)), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchAttributesAt, std::int16_t{5})), ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(good, kBatchProducerIdAt, std::int64_t{9})),
            ErrorCode::kInvalidRecord);  // No sequence.
  // Both numbers raised alike: then the records are too few.
  EXPECT_EQ(code(with(with(good, kBatchCountAt, INT32_MAX), kBatchLastOffsetDeltaAt, INT32_MAX - 1)),
            ErrorCode::kInvalidRecord);
  EXPECT_EQ(code(with(with(good, kBatchCountAt, std::int32_t{2}), kBatchLastOffsetDeltaAt, std::int32_t{1})),
            ErrorCode::kInvalidRecord);
}

TEST_F(RecordValidation, RefusesOffsetDeltasOutOfOrder) {
  RecordBatchBuilder builder(RecordBatchOptions{});
  builder.append_at(Offset(0), kNow, as_bytes("k"), as_bytes("v"));
  builder.append_at(Offset(2), kNow, as_bytes("k"), as_bytes("v"));
  const Bytes hole = builder.build().value();
  EXPECT_EQ(code(with(hole, kBatchLastOffsetDeltaAt, std::int32_t{1})), ErrorCode::kInvalidRecord);
}

TEST_F(RecordValidation, TimestampsAreHeldAgainstTheClock) {
  Bytes future = batch_of(3, Compression::kNone, kNow + 3600000 - 1);
  const RecordVerdict verdict = check(future);
  EXPECT_EQ(verdict.error, ErrorCode::kInvalidTimestamp);
  ASSERT_EQ(verdict.record_errors.size(), 1u);
  EXPECT_EQ(verdict.record_errors[0].batch_index, 2);
  EXPECT_EQ(
      verdict.record_errors[0].message,
      "Timestamp 1700003600001 of message with offset 2 is out of range. The timestamp should be within "
      "[0, 1700003600000]");
  EXPECT_EQ(verdict.message, "One or more records have been rejected due to invalid timestamp");

  rules_.timestamp_before_ms_max = 5;
  EXPECT_EQ(code(batch_of(1, Compression::kZstd, kNow - 6)), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(code(batch_of(1, Compression::kZstd, kNow - 5)), ErrorCode::kNone);
  EXPECT_EQ(code(batch_of(1, Compression::kNone, kNoTimestamp)), ErrorCode::kNone);
  EXPECT_EQ(code(batch_of(1, Compression::kNone, -2)), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(code(batch_of(1, Compression::kNone, INT64_MIN)), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(code(with(batch_of(1), kBatchAttributesAt, kAttributeLogAppendTime)),
            ErrorCode::kInvalidTimestamp);
}

TEST_F(RecordValidation, LogAppendTimeIsPatchedIn) {
  rules_.timestamp_type = TimestampType::kLogAppendTime;
  for (Compression codec : {Compression::kNone, Compression::kLz4}) {
    Bytes bytes = batch_of(2, codec, kNow + 99999999);
    const RecordVerdict verdict = check(bytes);
    ASSERT_TRUE(verdict.is_ok()) << verdict.message;
    EXPECT_EQ(verdict.log_append_time_ms, kNow);
    const auto batch = RecordBatchView::parse(bytes).value();
    EXPECT_EQ(batch.timestamp_type(), TimestampType::kLogAppendTime);
    EXPECT_EQ(batch.max_timestamp(), kNow);
    EXPECT_TRUE(batch.is_crc_valid());
  }
}

TEST_F(RecordValidation, AWrongMaxTimestampIsCorrected) {
  Bytes bytes = with(batch_of(2), kBatchMaxTimestampAt, std::int64_t{INT64_MAX});
  ASSERT_TRUE(check(bytes).is_ok());
  const auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.max_timestamp(), kNow - 9);
  EXPECT_TRUE(batch.is_crc_valid());
}

TEST_F(RecordValidation, CompactedTopicsNeedKeys) {
  rules_.is_key_required = true;
  EXPECT_EQ(code(batch_of(2)), ErrorCode::kNone);
  Bytes bytes = batch_of(5, Compression::kGzip, kNow, false);
  const RecordVerdict verdict = check(bytes);
  EXPECT_EQ(verdict.error, ErrorCode::kInvalidRecord);
  EXPECT_EQ(verdict.record_errors.size(), 5u);
  EXPECT_EQ(verdict.record_errors[1].batch_index, 1);
  EXPECT_EQ(verdict.record_errors[1].message,
            "Compacted topic cannot accept message without key in topic partition orders-3");
}

TEST_F(RecordValidation, SizesAreBounded) {
  Bytes bytes = batch_of(10);
  rules_.batch_bytes_max = static_cast<std::int32_t>(bytes.size()) - 1;
  const RecordVerdict verdict = check(bytes);
  EXPECT_EQ(verdict.error, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(verdict.message, "The record batch size in the append to orders-3 is " +
                                 std::to_string(bytes.size()) +
                                 " bytes which exceeds the maximum configured value of " +
                                 std::to_string(bytes.size() - 1) + ".");
  rules_ = RecordRules{};
  rules_.decompressed_bytes_max = 100;
  EXPECT_EQ(code(batch_of(10, Compression::kZstd)), ErrorCode::kMessageTooLarge);
}

TEST_F(RecordValidation, BadCompressedBytesAreCorrupt) {
  for (int codec = 1; codec <= 4; ++codec) {
    Bytes bytes = batch_of(3, Compression::kNone);
    EXPECT_EQ(code(with(bytes, kBatchAttributesAt, static_cast<std::int16_t>(codec))),
              ErrorCode::kCorruptMessage)
        << codec;
  }
  rules_.produce_version = 6;
  EXPECT_EQ(code(batch_of(1, Compression::kZstd)), ErrorCode::kUnsupportedCompressionType);
  EXPECT_EQ(code(batch_of(1, Compression::kLz4)), ErrorCode::kNone);
}

TEST_F(RecordValidation, ConvertsToTheTopicsCodec) {
  for (int from = 0; from <= 4; ++from) {
    for (int to = 0; to <= 4; ++to) {
      rules_.compression = static_cast<Compression>(to);
      Bytes bytes = batch_of(30, static_cast<Compression>(from));
      const RecordVerdict verdict = check(bytes);
      ASSERT_TRUE(verdict.is_ok()) << verdict.message;
      EXPECT_EQ(verdict.converted.empty(), from == to);
      if (from == to) continue;
      const auto batch = RecordBatchView::parse(verdict.converted).value();
      EXPECT_TRUE(batch.is_crc_valid());
      EXPECT_EQ(batch.compression_id(), to);
      Bytes again = verdict.converted;
      EXPECT_EQ(check(again).record_count, 30);
    }
  }
}

TEST_F(RecordValidation, ConversionThatGrowsTooLargeIsRefused) {
  const Bytes packed = batch_of(1000, Compression::kZstd);
  rules_.compression = Compression::kNone;
  rules_.batch_bytes_max = static_cast<std::int32_t>(packed.size());
  EXPECT_EQ(code(packed), ErrorCode::kMessageTooLarge);
}

TEST_F(RecordValidation, FollowersCheckCrcAndRange) {
  Bytes bytes = batch_of(2);
  EXPECT_TRUE(check_batch(RecordBatchView::parse(bytes).value()).has_value());
  set_base_offset(bytes, Offset(INT64_MAX - 1));
  EXPECT_EQ(check_batch(RecordBatchView::parse(bytes).value()).error().code(), base::Errc::kCorrupt);
  set_base_offset(bytes, Offset(0));
  bytes.back() ^= 1;
  EXPECT_EQ(check_batch(RecordBatchView::parse(bytes).value()).error().code(), base::Errc::kCorrupt);
}

}  // namespace
}  // namespace penstock::kafka
