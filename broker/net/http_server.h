// The admin port: a small HTTP/1.1 server for metrics, health and what Kafka's API lacks.
//
// GET, POST and DELETE; one request at a time per connection; header, body and time bounded, a few
// connections.
// Threads: one reactor.
// Lifetime: stop() before destruction; what a route waits for ends before that.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/aio/asio_reactor.h"
#include "base/aio/task.h"
#include "base/error.h"

namespace penstock::net {

struct HttpRequest {
  std::string method;         // "GET"
  std::string target;         // As it was sent, query included: "/healthz".
  std::string authorization;  // The header of that name; empty when there is none.
  bool has_origin = false;    // A page in a browser sends it.
  std::string body;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // On the server's reactor. The connection asks nothing else meanwhile.
  using Route = std::function<aio::Task<HttpReply>(HttpRequest)>;

  HttpServer(aio::AsioReactor& reactor, Route route);
  ~HttpServer();

  // ERRORS: naming host:port.
  base::Result<> start(const std::string& host, std::uint16_t port);
  // Accepts and answers no more; resumes when no route runs.
  aio::Task<> stop();
  std::uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace penstock::net
