// A connected byte channel under a connection: plain TCP now, TLS later, without a change above it.
//
// Calls never block. "Would block" is a value, and the matching wait tells when to try again.
// Threads: one reactor.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/error.h"

namespace penstock::net {

struct IoStatus {
  std::size_t bytes = 0;
  bool would_block = false;
  bool is_closed = false;  // By the peer.
};

class Channel {
 public:
  virtual ~Channel() = default;
  virtual base::Result<IoStatus> try_read(std::span<std::uint8_t> into) = 0;
  // `more` says that more bytes follow at once: the kernel may hold a short packet back for them.
  virtual base::Result<IoStatus> try_write(std::span<const iovec> parts, bool more) = 0;
  virtual base::Result<IoStatus> try_send_file(int descriptor, std::int64_t position, std::size_t length) = 0;
  // One call-back each, dropped unrun by close().
  virtual void wait_readable(std::function<void()> ready) = 0;
  virtual void wait_writable(std::function<void()> ready) = 0;
  virtual void close() = 0;
  // "127.0.0.1", without port.
  virtual const std::string& peer_host() const = 0;
};

}  // namespace penstock::net
