// Byte streams between programs, behind an interface so that a simulation can carry them.
//
// Threads: a Stream belongs to the reactor of its Transport.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/aio/task.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace penstock::aio {

// At most one read and one write are under way at a time.
// Lifetime: not destroyed while a read or write is under way; close() ends those with kCancelled.
class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte; 0 at the end of the stream. The buffer is the caller's until it resumes.
  virtual Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) = 0;
  // All of it. The bytes are the caller's until it resumes.
  virtual Task<base::Result<>> write_all(base::ByteSpan bytes) = 0;
  virtual void close() = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Tries every address of the host until the deadline. ERRORS: kUnavailable, kTimedOut, naming host:port.
  virtual Task<base::Result<std::unique_ptr<Stream>>> connect(std::string host, std::uint16_t port,
                                                              base::MonoTime deadline) = 0;
};

// Exactly buffer.size() bytes. ERRORS: kUnavailable when the stream ends first.
Task<base::Result<>> read_exactly(Stream& stream, std::span<std::uint8_t> buffer);

}  // namespace penstock::aio
