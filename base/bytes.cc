#include "base/bytes.h"

namespace penstock::base {

namespace {

std::uint32_t zigzag32(std::int32_t v) {
  return (static_cast<std::uint32_t>(v) << 1) ^ static_cast<std::uint32_t>(v >> 31);
}
std::uint64_t zigzag64(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}

std::size_t unsigned_varlong_size(std::uint64_t v) {
  std::size_t size = 1;
  while (v >= 0x80) {
    v >>= 7;
    ++size;
  }
  return size;
}

}  // namespace

std::uint32_t ByteReader::read_unsigned_varint() {
  std::uint32_t value = 0;
  for (int shift = 0; shift <= 28; shift += 7) {
    const std::uint8_t byte = read_uint8();
    if (failed_) return 0;
    // Kafka refuses a fifth byte with its continuation bit; bits past 32 are dropped as Java does.
    if (shift == 28 && (byte & 0x80) != 0) break;
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail("varint is longer than five bytes");
  return 0;
}

std::int32_t ByteReader::read_varint() {
  const std::uint32_t raw = read_unsigned_varint();
  return static_cast<std::int32_t>(raw >> 1) ^ -static_cast<std::int32_t>(raw & 1);
}

std::int64_t ByteReader::read_varlong() {
  std::uint64_t value = 0;
  for (int shift = 0; shift <= 63; shift += 7) {
    const std::uint8_t byte = read_uint8();
    if (failed_) return 0;
    if (shift == 63 && (byte & 0x80) != 0) break;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0)
      return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  fail("varlong is longer than ten bytes");
  return 0;
}

ByteSpan ByteReader::read_span(std::size_t length) {
  if (length > remaining()) {
    fail("length exceeds the bytes left");
    return {};
  }
  ByteSpan span(at_, length);
  at_ += length;
  return span;
}

void ByteWriter::write_unsigned_varint(std::uint32_t v) {
  while (v >= 0x80) {
    bytes_.push_back(static_cast<std::uint8_t>(v | 0x80));
    v >>= 7;
  }
  bytes_.push_back(static_cast<std::uint8_t>(v));
}

void ByteWriter::write_varint(std::int32_t v) { write_unsigned_varint(zigzag32(v)); }

void ByteWriter::write_varlong(std::int64_t value) {
  std::uint64_t v = zigzag64(value);
  while (v >= 0x80) {
    bytes_.push_back(static_cast<std::uint8_t>(v | 0x80));
    v >>= 7;
  }
  bytes_.push_back(static_cast<std::uint8_t>(v));
}

std::size_t unsigned_varint_size(std::uint32_t v) { return unsigned_varlong_size(v); }
std::size_t varint_size(std::int32_t v) { return unsigned_varlong_size(zigzag32(v)); }
std::size_t varlong_size(std::int64_t v) { return unsigned_varlong_size(zigzag64(v)); }

}  // namespace penstock::base
