// Serves an Api over HTTP/1.1 on a loopback address, watches as chunked streams.
//
// Bounded: kConnectionsMax connections, kBodyBytesMax of a body, kHeaderBytesMax of headers, kIdle between
// requests. There is no login: whoever may open a loopback socket is trusted. Web pages are not, so requests
// with an Origin header, or with a Host that is not a loopback name, are refused.
//
// Threads: one reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/aio/asio_reactor.h"
#include "base/aio/task.h"
#include "base/error.h"
#include "operator/local/api.h"

namespace penstock::local {

class HttpServer {
 public:
  static constexpr std::size_t kConnectionsMax = 256;
  static constexpr std::size_t kBodyBytesMax = 4 << 20;
  static constexpr std::size_t kHeaderBytesMax = 32 << 10;
  static constexpr base::Duration kIdle = std::chrono::minutes(5);

  HttpServer(aio::AsioReactor& reactor, Api& api, Store& store);
  ~HttpServer();

  // Returns the port, which is another one when `port` is 0. ERRORS: kUnavailable, kIo naming address and
  // port.
  base::Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  aio::Task<> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::local
