// What a connection hands its requests to. Implemented by broker/server, which knows the handlers.
//
// Threads: called on the connection's reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/bytes.h"
#include "broker/net/frame_buffer.h"

namespace penstock::net {

// A part of a response: bytes that are owned, bytes that are borrowed with their owner, or a range of a file.
struct OutPart {
  base::Bytes bytes;
  base::ByteSpan borrowed;
  int descriptor = -1;
  std::int64_t position = 0;
  std::size_t length = 0;  // Of the file range.
  std::shared_ptr<const void> owner;
};

struct Response {
  std::vector<OutPart> parts;  // Whole frame, with its size and header; empty: nothing is sent.
  bool must_close = false;
};

struct ConnectionInfo {
  std::uint64_t id = 0;
  std::string peer_host;
  std::string listener_name;
};

class RequestSink {
 public:
  virtual ~RequestSink() = default;

  // Whether the request may run beside others of its connection. Reads no more than the frame's first bytes.
  virtual bool is_pipelined(base::ByteSpan frame) const = 0;

  // `info` and `reactor` live as long as the task. The response waits its turn on the connection.
  virtual aio::Task<Response> handle(const ConnectionInfo& info, aio::Reactor& reactor,
                                     aio::CancelToken disconnected, Frame frame) = 0;
};

}  // namespace penstock::net
