// The admin port: a small HTTP/1.1 server for metrics and health.
//
// GET only, one request at a time per connection, header and time bounded, a few connections.
// Threads: one reactor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/aio/asio_reactor.h"
#include "base/error.h"

namespace penstock::net {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // `path` is the exact target of the request, query included: "/healthz".
  using Route = std::function<HttpReply(std::string_view path)>;

  HttpServer(aio::AsioReactor& reactor, Route route);
  ~HttpServer();

  // ERRORS: naming host:port.
  base::Result<> start(const std::string& host, std::uint16_t port);
  void stop();
  std::uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace penstock::net
