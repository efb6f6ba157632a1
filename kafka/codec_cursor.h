// How the decoder reads bytes: base::ByteReader with everything inline, since this is where a broker spends
// its time on small messages. Fails softly in the same way. Private to the codec.
//
// Lifetime: borrows the bytes.
// Threads:  a value of one thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace penstock::kafka {

class Cursor {
 public:
  explicit Cursor(base::ByteSpan bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool failed() const { return failure_ != nullptr; }
  const char* failure() const { return failure_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  void fail(const char* why) {
    if (failure_ == nullptr) failure_ = why;
    at_ = end_;
  }

  template <typename T>
  T read() {
    if (remaining() < sizeof(T)) {
      fail("integer ends past the bytes left");
      return T{};
    }
    const T value = base::load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  std::uint32_t read_unsigned_varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return read_long_varint();
  }

  base::ByteSpan read_span(std::size_t length) {
    if (length > remaining()) {
      fail("length exceeds the bytes left");
      return {};
    }
    const base::ByteSpan span{at_, length};
    at_ += length;
    return span;
  }

 private:
  std::uint32_t read_long_varint() {
    base::ByteReader reader({at_, remaining()});
    const std::uint32_t value = reader.read_unsigned_varint();
    if (reader.failed()) {
      fail(reader.failure());
      return 0;
    }
    at_ += reader.position();
    return value;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const char* failure_ = nullptr;
};

}  // namespace penstock::kafka
