// Where the connections of a listener come from: sockets in a program, a simulated network in its tests.
//
// Threads: the first of the listener's reactors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "broker/net/channel.h"

namespace penstock::net {

class Acceptor {
 public:
  using Accepted = std::move_only_function<void(base::Result<std::unique_ptr<Channel>>)>;

  virtual ~Acceptor() = default;
  // ERRORS: kAlreadyExists (the port is taken), kInvalidArgument (no such host) and others naming host:port.
  virtual base::Result<> listen() = 0;
  // The next connection; its channel is to be used on the `lane`-th of the listener's reactors. One
  // call-back, dropped unrun by close().
  virtual void accept(std::size_t lane, Accepted accepted) = 0;
  virtual void close() = 0;
  // The port that was bound, also when 0 was asked for.
  virtual std::uint16_t port() const = 0;
};

}  // namespace penstock::net
