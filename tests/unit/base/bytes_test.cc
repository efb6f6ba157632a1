#include "base/bytes.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace penstock::base {
namespace {

TEST(Bytes, ReadsBackWhatItWrites) {
  ByteWriter writer;
  writer.write_int8(-3);
  writer.write_int16(-1234);
  writer.write_int32(std::numeric_limits<std::int32_t>::min());
  writer.write_int64(std::numeric_limits<std::int64_t>::max());
  writer.write_float64(2.5);
  writer.write_unsigned_varint(300);
  writer.write_varint(-1);
  writer.write_varlong(std::numeric_limits<std::int64_t>::min());

  ByteReader reader(writer.span());
  EXPECT_EQ(reader.read_int8(), -3);
  EXPECT_EQ(reader.read_int16(), -1234);
  EXPECT_EQ(reader.read_int32(), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(reader.read_int64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(reader.read_float64(), 2.5);
  EXPECT_EQ(reader.read_unsigned_varint(), 300U);
  EXPECT_EQ(reader.read_varint(), -1);
  EXPECT_EQ(reader.read_varlong(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(reader.failed());
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Bytes, SizesMatchWhatIsWritten) {
  for (const std::int64_t value : {0LL, 1LL, -1LL, 63LL, 64LL, -65LL, 8191LL, 1LL << 40, -(1LL << 62)}) {
    ByteWriter writer;
    writer.write_varlong(value);
    EXPECT_EQ(writer.size(), varlong_size(value)) << value;
  }
}

TEST(Bytes, StaysFailedAfterAShortRead) {
  const std::uint8_t raw[] = {1, 2, 3};
  ByteReader reader(raw);
  EXPECT_EQ(reader.read_int32(), 0);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.read_int8(), 0);
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Bytes, RefusesAVarintOfSixBytesAndALengthPastTheEnd) {
  const std::uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
  ByteReader varint(endless);
  varint.read_unsigned_varint();
  EXPECT_TRUE(varint.failed());

  ByteReader span(endless);
  EXPECT_TRUE(span.read_span(7).empty());
  EXPECT_TRUE(span.failed());
}

}  // namespace
}  // namespace penstock::base
