// Record batches inside a message, carried without copying: borrowed or shared memory, or a range of a file.
//
// Lifetime: with an owner the bytes live as long as the RecordsRef; without one they are borrowed from
// the buffer that was decoded, or from whoever built the message.
// Threads:  a value; the bytes are never changed through it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.h"

namespace penstock::kafka {

struct RecordsRef {
  base::ByteSpan bytes;
  std::shared_ptr<const void> owner;  // Keeps `bytes` alive, or the descriptor open; null means borrowed.
  int descriptor = -1;                // When it is a range of a file, `bytes` is empty.
  std::int64_t position = 0;
  std::int64_t length = 0;

  static RecordsRef borrowed(base::ByteSpan bytes) { return {.bytes = bytes}; }
  static RecordsRef shared(base::Bytes content) {
    auto holder = std::make_shared<const base::Bytes>(std::move(content));
    const base::ByteSpan span = *holder;
    return {.bytes = span, .owner = std::move(holder)};
  }
  static RecordsRef file(int descriptor, std::int64_t position, std::int64_t length,
                         std::shared_ptr<const void> owner = nullptr) {
    return {.owner = std::move(owner), .descriptor = descriptor, .position = position, .length = length};
  }

  bool is_file() const { return descriptor >= 0; }
  std::size_t size() const { return is_file() ? static_cast<std::size_t>(length) : bytes.size(); }

  // Equal content; file ranges are equal when they are the same range.
  friend bool operator==(const RecordsRef& a, const RecordsRef& b) {
    if (a.is_file() || b.is_file()) {
      return a.descriptor == b.descriptor && a.position == b.position && a.length == b.length;
    }
    return std::ranges::equal(a.bytes, b.bytes);
  }
};

// Where encode() left out records: they belong between byte `position` - 1 and byte `position` of the writer.
struct RecordsPiece {
  std::size_t position = 0;
  RecordsRef records;
};

}  // namespace penstock::kafka
