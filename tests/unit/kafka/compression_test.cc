#include "kafka/compression.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "kafka/record_batch.h"
#include "tests/unit/kafka/golden.h"

namespace penstock::kafka {
namespace {

using base::Bytes;
using base::Errc;

constexpr Compression kCodecs[] = {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                                   Compression::kZstd};

Bytes text_of(std::size_t size) {
  Bytes text;
  for (std::size_t i = 0; text.size() < size; ++i) {
    for (char c : "line " + std::to_string(i * 7919) + "\n") text.push_back(static_cast<std::uint8_t>(c));
  }
  text.resize(size);
  return text;
}

Bytes packed(Compression codec, const Bytes& in, std::optional<int> level = {}) {
  Bytes out;
  EXPECT_TRUE(compress(codec, in, out, level).has_value());
  return out;
}

TEST(Compression, NamesAreKafkas) {
  for (Compression codec : kCodecs) EXPECT_EQ(parse_compression(compression_name(codec)).value(), codec);
  EXPECT_EQ(parse_compression("uncompressed").value(), Compression::kNone);
  EXPECT_EQ(parse_compression("brotli").error().code(), Errc::kInvalidArgument);
}

TEST(Compression, RoundTripsEverySize) {
  Decompressor decompressor;
  for (Compression codec : kCodecs) {
    for (std::size_t size : {0u, 1u, 100u, 32767u, 32768u, 32769u, 65536u, 300000u}) {
      const Bytes in = text_of(size);
      const auto out = decompressor.decompress(codec, packed(codec, in), size);
      ASSERT_TRUE(out.has_value()) << compression_name(codec) << " " << size << " " << out.error().what();
      EXPECT_TRUE(std::ranges::equal(*out, in)) << compression_name(codec) << " " << size;
    }
  }
}

TEST(Compression, LevelsAreChecked) {
  const Bytes in = text_of(1000);
  Bytes out;
  EXPECT_EQ(compress(Compression::kGzip, in, out, 10).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(compress(Compression::kLz4, in, out, 18).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(compress(Compression::kZstd, in, out, 23).error().code(), Errc::kInvalidArgument);
  Decompressor decompressor;
  for (int level : {1, 9, 17}) {
    EXPECT_TRUE(std::ranges::equal(
        *decompressor.decompress(Compression::kLz4, packed(Compression::kLz4, in, level), 1000), in));
  }
}

TEST(Compression, ABombStopsAtTheCap) {
  const Bytes zeros(8 << 20);
  Decompressor decompressor;
  for (Compression codec : kCodecs) {
    const Bytes bomb = packed(codec, zeros);
    const auto out = decompressor.decompress(codec, bomb, (1 << 20) - 1);
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().code(), Errc::kLimitExceeded) << compression_name(codec);
    EXPECT_EQ(decompressor.decompress(codec, bomb, zeros.size())->size(), zeros.size());
  }
}

TEST(Compression, TruncationIsSeenAtEveryLength) {
  const Bytes in = text_of(400);
  Decompressor decompressor;
  for (Compression codec : kCodecs) {
    const Bytes whole = packed(codec, in);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      // A stream of snappy blocks is complete after its header: nothing says how many follow.
      if (codec == Compression::kSnappy && length == 16) continue;
      const auto out = decompressor.decompress(codec, base::ByteSpan(whole).first(length), 1 << 20);
      EXPECT_FALSE(out.has_value()) << compression_name(codec) << " " << length;
    }
    Bytes longer = whole;
    longer.push_back(7);
    EXPECT_FALSE(decompressor.decompress(codec, longer, 1 << 20).has_value()) << compression_name(codec);
  }
}

TEST(Compression, ChangedBytesNeverHarm) {
  base::SeededRandom random(20260711);
  Decompressor decompressor;
  std::size_t refused = 0;
  for (Compression codec : kCodecs) {
    const Bytes whole = packed(codec, text_of(5000));
    for (int round = 0; round < 300; ++round) {
      Bytes changed = whole;
      for (int i = 0; i < 3; ++i) {
        changed[random.below(changed.size())] = static_cast<std::uint8_t>(random.next());
      }
      const auto out = decompressor.decompress(codec, changed, 1 << 20);
      refused += out.has_value() ? 0 : 1;
      if (out) EXPECT_LE(out->size(), 1u << 20);
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(Compression, SnappyClaimsAreNotBelieved) {
  Decompressor decompressor;
  const auto huge_block = golden::from_hex(
      "82534e41505059000000000100000001"
      "7fffffff"
      "00");
  EXPECT_EQ(decompressor.decompress(Compression::kSnappy, huge_block, 1 << 20).error().code(),
            Errc::kCorrupt);
  const auto negative_block = golden::from_hex(
      "82534e41505059000000000100000001"
      "ffffffff"
      "00");
  EXPECT_EQ(decompressor.decompress(Compression::kSnappy, negative_block, 1 << 20).error().code(),
            Errc::kCorrupt);
  // A raw block of nine bytes that claims 4 GiB.
  EXPECT_EQ(decompressor.decompress(Compression::kSnappy, golden::from_hex("ffffffff0f00414141"), 1 << 20)
                .error()
                .code(),
            Errc::kCorrupt);
}

TEST(Compression, ReadsRawSnappyAndSeveralGzipMembers) {
  Decompressor decompressor;
  // The literal "hello" as one raw block.
  const auto raw = decompressor.decompress(Compression::kSnappy, golden::from_hex("051068656c6c6f"), 100);
  ASSERT_TRUE(raw.has_value()) << raw.error().what();
  EXPECT_EQ(base::as_text(*raw), "hello");

  Bytes members = packed(Compression::kGzip, {'a', 'b'});
  const Bytes second = packed(Compression::kGzip, {'c'});
  members.insert(members.end(), second.begin(), second.end());
  EXPECT_EQ(base::as_text(*decompressor.decompress(Compression::kGzip, members, 3)), "abc");
}

TEST(Compression, ReadsWhatJavaWrote) {
  Decompressor decompressor;
  for (Compression codec : kCodecs) {
    const Bytes bytes = golden::batch(compression_name(codec));
    const auto batch = RecordBatchView::parse(bytes);
    ASSERT_TRUE(batch.has_value());
    EXPECT_TRUE(batch->is_crc_valid());
    ASSERT_EQ(batch->compression(), codec);
    const auto records = batch->records(decompressor, 1 << 20);
    ASSERT_TRUE(records.has_value()) << records.error().what();
    RecordCursor cursor(*batch, *records);
    Record record;
    int count = 0;
    while (cursor.next(record)) {
      EXPECT_EQ(base::as_text(*record.key), "key-" + std::to_string(count));
      EXPECT_EQ(record.timestamp, 1700000000000 + count);
      ++count;
    }
    EXPECT_FALSE(cursor.failed()) << cursor.failure();
    EXPECT_EQ(count, 300);
  }
}

}  // namespace
}  // namespace penstock::kafka
