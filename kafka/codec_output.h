// How the encoder writes bytes: it appends to a ByteWriter through a pointer, with room made in large steps
// and given back at the end. Private to the codec.
//
// Lifetime: borrows the writer, which nobody else may use meanwhile.
// Threads:  a value of one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace penstock::kafka {

class Output {
 public:
  explicit Output(base::ByteWriter& writer) : bytes_(writer.bytes()), size_(bytes_.size()) {
    make_room(kStepBytes);
  }
  ~Output() { bytes_.resize(size_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  std::size_t size() const { return size_; }

  template <typename T>
  void write(T value) {
    if (bytes_.size() - size_ < sizeof(T)) make_room(sizeof(T));
    base::store_be(bytes_.data() + size_, value);
    size_ += sizeof(T);
  }

  void write_unsigned_varint(std::uint32_t value) {
    while (value >= 0x80) {
      write(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    write(static_cast<std::uint8_t>(value));
  }

  void write_bytes(base::ByteSpan span) {
    if (span.empty()) return;
    if (bytes_.size() - size_ < span.size()) make_room(span.size());
    std::memcpy(bytes_.data() + size_, span.data(), span.size());
    size_ += span.size();
  }

  // Writes the size of what follows position `start` in front of it.
  void insert_size(std::size_t start) {
    const auto content_size = static_cast<std::uint32_t>(size_ - start);
    const std::size_t prefix_size = base::unsigned_varint_size(content_size);
    if (bytes_.size() - size_ < prefix_size) make_room(prefix_size);
    std::uint8_t* content = bytes_.data() + start;
    std::memmove(content + prefix_size, content, content_size);
    size_ = start;
    write_unsigned_varint(content_size);
    size_ += content_size;
  }

 private:
  static constexpr std::size_t kStepBytes = 256;

  void make_room(std::size_t count) { bytes_.resize(size_ + std::max(count, size_ / 2 + kStepBytes)); }

  base::Bytes& bytes_;
  std::size_t size_;
};

}  // namespace penstock::kafka
