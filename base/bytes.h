// Bounded reading and writing of Kafka's primitive types (big-endian integers, zig-zag varints).
//
// ByteReader fails softly: the first short or malformed read makes it failed() for good, and every later
// read returns zero or empty. So a decoder reads a whole struct and checks once. No read allocates more
// than the bytes that remain.
//
// Source: KIP-482 (unsigned varints), Kafka protocol guide (primitive types).
// Threads: values of one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::base {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Unaligned big-endian access to memory that the caller has already bounded.
template <typename T>
T load_be(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return std::byteswap(value);
}
template <typename T>
void store_be(std::uint8_t* to, T value) {
  value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

class ByteReader {
 public:
  // The bytes must outlive the reader and every span that it returns.
  explicit ByteReader(ByteSpan bytes) : begin_(bytes.data()), at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool failed() const { return failed_; }
  // Why it failed, a string literal: "array count exceeds the bytes left".
  const char* failure() const { return failure_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
  ByteSpan rest() const { return {at_, remaining()}; }
  void fail(const char* why) {
    if (!failed_) failure_ = why;
    failed_ = true;
    at_ = end_;
  }

  std::int8_t read_int8() { return read_fixed<std::int8_t>(); }
  std::uint8_t read_uint8() { return read_fixed<std::uint8_t>(); }
  std::int16_t read_int16() { return read_fixed<std::int16_t>(); }
  std::uint16_t read_uint16() { return read_fixed<std::uint16_t>(); }
  std::int32_t read_int32() { return read_fixed<std::int32_t>(); }
  std::uint32_t read_uint32() { return read_fixed<std::uint32_t>(); }
  std::int64_t read_int64() { return read_fixed<std::int64_t>(); }
  double read_float64() { return std::bit_cast<double>(read_fixed<std::uint64_t>()); }

  std::uint32_t read_unsigned_varint();
  std::int32_t read_varint();   // Zig-zag.
  std::int64_t read_varlong();  // Zig-zag.

  // The next `length` bytes, borrowed. Fails when fewer remain.
  ByteSpan read_span(std::size_t length);
  void skip(std::size_t length) { read_span(length); }

 private:
  template <typename T>
  T read_fixed() {
    if (remaining() < sizeof(T)) {
      fail("integer ends past the bytes left");
      return T{};
    }
    T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const char* failure_ = "";
  bool failed_ = false;
};

class ByteWriter {
 public:
  void write_int8(std::int8_t v) { bytes_.push_back(static_cast<std::uint8_t>(v)); }
  void write_uint8(std::uint8_t v) { bytes_.push_back(v); }
  void write_int16(std::int16_t v) { write_fixed(v); }
  void write_uint16(std::uint16_t v) { write_fixed(v); }
  void write_int32(std::int32_t v) { write_fixed(v); }
  void write_uint32(std::uint32_t v) { write_fixed(v); }
  void write_int64(std::int64_t v) { write_fixed(v); }
  void write_float64(double v) { write_fixed(std::bit_cast<std::uint64_t>(v)); }
  void write_unsigned_varint(std::uint32_t v);
  void write_varint(std::int32_t v);   // Zig-zag.
  void write_varlong(std::int64_t v);  // Zig-zag.
  void write_bytes(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void write_text(std::string_view text) { write_bytes(as_bytes(text)); }

  // Overwrites four bytes already written; for lengths known only afterwards.
  void patch_int32(std::size_t position, std::int32_t v) { store_be(bytes_.data() + position, v); }

  void reserve(std::size_t n) { bytes_.reserve(n); }
  std::size_t size() const { return bytes_.size(); }
  ByteSpan span() const { return bytes_; }
  Bytes& bytes() { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  template <typename T>
  void write_fixed(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    store_be(bytes_.data() + at, value);
  }

  Bytes bytes_;
};

// Encoded size in bytes.
std::size_t unsigned_varint_size(std::uint32_t v);
std::size_t varint_size(std::int32_t v);
std::size_t varlong_size(std::int64_t v);

}  // namespace penstock::base
