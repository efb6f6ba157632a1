// What a broker runs on: reactors, disk, randomness, the way to others and the way in. Threads and sockets in
// the program (thread_environment.h), all of it simulated in tests/sim.
//
// Lifetime: outlives the parts of the broker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/reactor.h"
#include "base/aio/transport.h"
#include "base/disk.h"
#include "base/random.h"
#include "broker/net/acceptor.h"
#include "broker/net/http_server.h"

namespace penstock::server {

class Environment {
 public:
  virtual ~Environment() = default;
  virtual base::Disk& disk() = 0;
  virtual base::Random& random() = 0;
  // Of raft, the controller and whatever else no data path may delay.
  virtual aio::Reactor& control() = 0;
  // Of the partitions; at least one, always the same.
  virtual const std::vector<aio::Reactor*>& lanes() = 0;
  // For use on `reactor`, one of the above.
  virtual std::unique_ptr<aio::Transport> transport(aio::Reactor& reactor) = 0;
  // An empty host is every address. `reactors` are of the above, the first one accepts.
  virtual std::unique_ptr<net::Acceptor> acceptor(std::string host, std::uint16_t port,
                                                  const std::vector<aio::Reactor*>& reactors) = 0;
  // Serves on the control reactor. ERRORS: naming host:port.
  virtual base::Result<std::unique_ptr<net::HttpServer>> serve_http(const std::string& host,
                                                                    std::uint16_t port,
                                                                    net::HttpServer::Route route) = 0;
};

}  // namespace penstock::server
