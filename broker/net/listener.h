// Accepts connections of one listener and spreads them over the reactors.
//
// Threads: start() and stop() on the reactor that accepts. Connections live on the reactor they were given
// to. Lifetime: stop() closes every connection and waits for the acknowledgement of each reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "base/aio/task.h"
#include "broker/net/connection.h"

namespace penstock::net {

struct ListenerOptions {
  std::string name;  // "PLAINTEXT"
  std::string host;  // Empty: every address.
  std::uint16_t port = 0;
  ConnectionLimits limits;
  std::size_t connections_max = 16'384;
  base::Duration idle_max = std::chrono::minutes(10);  // connections.max.idle.ms
};

class Listener {
 public:
  // `reactors` is not empty; the first one accepts. All arguments outlive the listener.
  Listener(ListenerOptions options, std::vector<aio::AsioReactor*> reactors, RequestSink& sink);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Binds and listens. ERRORS: kIo and others naming host:port, with a hint when the port is taken.
  base::Result<> start();
  aio::Task<> stop();

  // The port that was bound, also when 0 was asked for.
  std::uint16_t port() const;
  const std::string& name() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace penstock::net
