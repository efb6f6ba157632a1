// Accepts connections of one listener and spreads them over the reactors.
//
// Threads: start() and stop() on the reactor that accepts. Connections live on the reactor they were given
// to. Lifetime: stop() closes every connection and waits for the acknowledgement of each reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/net/acceptor.h"
#include "broker/net/connection.h"

namespace penstock::net {

struct ListenerOptions {
  std::string name;  // "PLAINTEXT"
  ConnectionLimits limits;
  std::size_t connections_max = 16'384;
  base::Duration idle_max = std::chrono::minutes(10);  // connections.max.idle.ms
};

class Listener {
 public:
  // `reactors` is not empty; the first one accepts. They and the sink outlive the listener.
  Listener(ListenerOptions options, std::unique_ptr<Acceptor> acceptor, std::vector<aio::Reactor*> reactors,
           RequestSink& sink);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Binds and listens. ERRORS: those of Acceptor::listen.
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
