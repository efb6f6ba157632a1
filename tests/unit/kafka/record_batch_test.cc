#include "kafka/record_batch.h"

#include <gtest/gtest.h>

#include "kafka/record_batch_builder.h"
#include "tests/unit/kafka/golden.h"

namespace penstock::kafka {
namespace {

using base::as_bytes;
using base::Bytes;
using base::ByteSpan;
using base::Errc;

constexpr std::int64_t kTime = 1700000000000;

RecordBatchOptions with_epoch(Offset base_offset) {
  RecordBatchOptions options;
  options.base_offset = base_offset;
  options.leader_epoch = LeaderEpoch(7);
  return options;
}

TEST(RecordBatchBuilder, PlainBatchIsJavas) {
  RecordBatchBuilder builder(with_epoch(Offset(0)));
  builder.append(kTime, as_bytes("a"), as_bytes("one"));
  builder.append(kTime - 3, std::nullopt, as_bytes("two"));
  const RecordHeader headers[] = {{"h1", as_bytes("x")}, {"h2", std::nullopt}, {"", ByteSpan()}};
  builder.append(kTime + 70000, as_bytes("c"), std::nullopt, headers);
  EXPECT_EQ(builder.build().value(), golden::batch("plain"));
}

TEST(RecordBatchBuilder, TransactionalBatchIsJavas) {
  RecordBatchOptions options = with_epoch(Offset(42));
  options.producer_id = ProducerId(1234567890123);
  options.producer_epoch = ProducerEpoch(3);
  options.base_sequence = 17;
  options.is_transactional = true;
  RecordBatchBuilder builder(options);
  for (std::size_t i = 0; i < 3; ++i) {
    builder.append(kTime + static_cast<std::int64_t>(i), as_bytes("k" + std::to_string(i)),
                   as_bytes(std::string(100 * i, 'v')));
  }
  EXPECT_EQ(builder.build().value(), golden::batch("producer"));
}

TEST(RecordBatchBuilder, LogAppendTimeBatchIsJavas) {
  RecordBatchOptions options = with_epoch(Offset(5));
  options.timestamp_type = TimestampType::kLogAppendTime;
  options.log_append_time_ms = kTime + 5;
  RecordBatchBuilder builder(options);
  builder.append(kTime, std::nullopt, as_bytes("v"));
  EXPECT_EQ(builder.build().value(), golden::batch("append_time"));
}

TEST(RecordBatchBuilder, MarkersAndEmptyBatchesAreJavas) {
  RecordBatchOptions options;
  options.base_offset = Offset(9);
  options.leader_epoch = LeaderEpoch(2);
  options.producer_id = ProducerId(77);
  options.producer_epoch = ProducerEpoch(1);
  EXPECT_EQ(end_transaction_marker(options, kTime, true, 6), golden::batch("commit_marker"));
  EXPECT_EQ(end_transaction_marker(options, kTime, false, 6), golden::batch("abort_marker"));

  options.base_offset = Offset(100);
  options.leader_epoch = LeaderEpoch(4);
  options.base_sequence = 12;
  EXPECT_EQ(empty_batch(options, Offset(105), kTime), golden::batch("empty"));
}

TEST(RecordBatchBuilder, ALongBatchHasJavasCrc) {
  RecordBatchBuilder builder(with_epoch(Offset(0)));
  for (int i = 0; i < 300; ++i) {
    std::string value;
    for (int word = 0; word < 40; ++word) value += "value ";
    builder.append(kTime + i, as_bytes("key-" + std::to_string(i)), as_bytes(value + std::to_string(i)));
  }
  const Bytes bytes = builder.build().value();
#define BATCH(name, hex)
#define CRC(name, crc_value) EXPECT_EQ(RecordBatchView::parse(bytes)->crc(), crc_value) << name;
#define MURMUR(hex, hash)
#define HASH(hex, hash, partition)
#include "tests/unit/kafka/testdata/golden_batches.inc"
#undef BATCH
#undef CRC
#undef MURMUR
#undef HASH
}

TEST(RecordBatchBuilder, EveryCodecHoldsTheSameRecords) {
  Decompressor decompressor;
  for (int codec = 0; codec <= 4; ++codec) {
    RecordBatchOptions options = with_epoch(Offset(10));
    options.compression = static_cast<Compression>(codec);
    RecordBatchBuilder builder(options);
    for (int i = 0; i < 50; ++i)
      builder.append_at(Offset(10 + 2 * i), kTime + i, as_bytes("k"), as_bytes("v"));
    const Bytes bytes = builder.build().value();
    const auto batch = RecordBatchView::parse(bytes).value();
    EXPECT_TRUE(batch.is_crc_valid());
    EXPECT_EQ(batch.compression_id(), codec);
    EXPECT_EQ(batch.last_offset(), Offset(108));
    EXPECT_EQ(batch.max_timestamp(), kTime + 49);
    RecordCursor cursor(batch, batch.records(decompressor, 1 << 20).value());
    Record record;
    int count = 0;
    for (; cursor.next(record); ++count) EXPECT_EQ(record.offset, Offset(10 + 2 * count));
    EXPECT_FALSE(cursor.failed());
    EXPECT_EQ(count, 50);
  }
}

TEST(RecordBatchView, ReadsWhatJavaWrote) {
  const Bytes bytes = golden::batch("producer");
  const auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.size_bytes(), bytes.size());
  EXPECT_EQ(batch.base_offset(), Offset(42));
  EXPECT_EQ(batch.next_offset(), Offset(45));
  EXPECT_EQ(batch.leader_epoch(), LeaderEpoch(7));
  EXPECT_EQ(batch.producer_id(), ProducerId(1234567890123));
  EXPECT_EQ(batch.producer_epoch(), ProducerEpoch(3));
  EXPECT_EQ(batch.base_sequence(), 17);
  EXPECT_EQ(batch.last_sequence(), 19);
  EXPECT_TRUE(batch.is_transactional());
  EXPECT_FALSE(batch.is_control());
  EXPECT_TRUE(batch.is_crc_valid());
  EXPECT_FALSE(batch.delete_horizon_ms().has_value());

  const Bytes marker = golden::batch("commit_marker");
  const auto control = RecordBatchView::parse(marker).value();
  EXPECT_TRUE(control.is_control());
  RecordCursor cursor(control, control.payload());
  Record record;
  ASSERT_TRUE(cursor.next(record));
  EXPECT_EQ(control_type(record), ControlType::kCommit);
}

TEST(RecordBatchView, ReadsHeadersAndNulls) {
  const Bytes bytes = golden::batch("plain");
  const auto batch = RecordBatchView::parse(bytes).value();
  RecordCursor cursor(batch, batch.payload());
  Record record;
  ASSERT_TRUE(cursor.next(record));
  EXPECT_EQ(base::as_text(*record.value), "one");
  ASSERT_TRUE(cursor.next(record));
  EXPECT_FALSE(record.key.has_value());
  EXPECT_EQ(record.timestamp, kTime - 3);
  ASSERT_TRUE(cursor.next(record));
  EXPECT_FALSE(record.value.has_value());
  const auto headers = record.headers();
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0].key, "h1");
  EXPECT_EQ(base::as_text(*headers[0].value), "x");
  EXPECT_FALSE(headers[1].value.has_value());
  EXPECT_TRUE(headers[2].value.has_value());
  EXPECT_FALSE(cursor.next(record));
  EXPECT_FALSE(cursor.failed());
}

TEST(RecordBatchView, ParseRefusesWhatIsNotWhole) {
  const Bytes bytes = golden::batch("plain");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(RecordBatchView::parse(ByteSpan(bytes).first(length)).error().code(), Errc::kOutOfRange);
  }
  Bytes small = bytes;
  base::store_be(small.data() + kBatchLengthAt, std::int32_t{48});
  EXPECT_EQ(RecordBatchView::parse(small).error().code(), Errc::kCorrupt);
  base::store_be(small.data() + kBatchLengthAt, std::int32_t{-1});
  EXPECT_EQ(RecordBatchView::parse(small).error().code(), Errc::kCorrupt);
  Bytes old = bytes;
  old[kBatchMagicAt] = 1;
  EXPECT_EQ(RecordBatchView::parse(old).error().code(), Errc::kUnsupported);
}

TEST(RecordBatchView, PatchingKeepsOrRedoesTheCrc) {
  Bytes bytes = golden::batch("plain");
  const auto crc = RecordBatchView::parse(bytes)->crc();
  set_base_offset(bytes, Offset(1000));
  set_leader_epoch(bytes, LeaderEpoch(9));
  auto batch = RecordBatchView::parse(bytes).value();
  EXPECT_EQ(batch.crc(), crc);
  EXPECT_TRUE(batch.is_crc_valid());
  EXPECT_EQ(batch.last_offset(), Offset(1002));

  set_max_timestamp(bytes, TimestampType::kLogAppendTime, kTime + 9);
  set_producer_state(bytes, ProducerId(5), ProducerEpoch(1), 0, true);
  EXPECT_NE(batch.crc(), crc);
  EXPECT_TRUE(batch.is_crc_valid());
  EXPECT_TRUE(batch.is_transactional());
  RecordCursor cursor(batch, batch.payload());
  Record record;
  ASSERT_TRUE(cursor.next(record));
  EXPECT_EQ(record.timestamp, kTime + 9);
}

TEST(RecordBatchView, SequencesWrap) {
  EXPECT_EQ(increment_sequence(INT32_MAX, 1), 0);
  EXPECT_EQ(increment_sequence(INT32_MAX - 1, 3), 1);
  EXPECT_EQ(decrement_sequence(0, 1), INT32_MAX);
  EXPECT_EQ(decrement_sequence(increment_sequence(INT32_MAX - 5, 100), 100), INT32_MAX - 5);
}

TEST(BatchCursor, StopsBeforeABatchThatIsCutOff) {
  Bytes bytes = golden::batch("plain");
  const Bytes second = golden::batch("producer");
  bytes.insert(bytes.end(), second.begin(), second.end());
  for (std::size_t cut = 1; cut <= second.size(); ++cut) {
    BatchCursor cursor(ByteSpan(bytes).first(bytes.size() - cut));
    EXPECT_EQ(cursor.next().value()->base_offset(), Offset(0));
    EXPECT_FALSE(cursor.next().value().has_value());
    EXPECT_EQ(cursor.remaining(), second.size() - cut);
  }
  bytes[golden::batch("plain").size() + kBatchMagicAt] = 0;
  BatchCursor cursor(bytes);
  EXPECT_TRUE(cursor.next()->has_value());
  EXPECT_EQ(cursor.next().error().code(), Errc::kUnsupported);
}

TEST(RecordCursor, EveryTruncationAndChangeEndsCleanly) {
  const Bytes bytes = golden::batch("plain");
  const auto batch = RecordBatchView::parse(bytes).value();
  const Bytes records(batch.payload().begin(), batch.payload().end());
  for (std::size_t length = 0; length < records.size(); ++length) {
    RecordCursor cursor(batch, ByteSpan(records).first(length));
    Record record;
    while (cursor.next(record)) {
    }
    EXPECT_TRUE(cursor.failed()) << length;
  }
  for (std::size_t at = 0; at < records.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = records;
      changed[at] = static_cast<std::uint8_t>(value);
      RecordCursor cursor(batch, changed);
      Record record;
      int count = 0;
      for (; cursor.next(record); ++count) EXPECT_LE(record.headers().size(), records.size());
      EXPECT_LE(count, 3);
    }
  }
}

}  // namespace
}  // namespace penstock::kafka
