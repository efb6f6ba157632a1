// The environment of a program: a thread per reactor, sockets, the machine's disk, clock and randomness.
//
// Threads: made in the constructor, ended by stop().
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "base/clock.h"
#include "broker/server/environment.h"

namespace penstock::server {

class ThreadEnvironment final : public Environment {
 public:
  ThreadEnvironment(std::size_t lanes, std::size_t blocking_threads);
  ~ThreadEnvironment() override;
  // Ends and joins every thread: nothing runs any more.
  void stop();

  base::Disk& disk() override { return disk_; }
  base::Random& random() override { return random_; }
  aio::Reactor& control() override { return control_.reactor(); }
  const std::vector<aio::Reactor*>& lanes() override { return lane_reactors_; }
  std::unique_ptr<aio::Transport> transport(aio::Reactor& reactor) override;
  std::unique_ptr<net::Acceptor> acceptor(std::string host, std::uint16_t port,
                                          const std::vector<aio::Reactor*>& reactors) override;
  base::Result<std::unique_ptr<net::HttpServer>> serve_http(const std::string& host, std::uint16_t port,
                                                            net::HttpServer::Route route) override;

 private:
  // REQUIRES: one of ours.
  aio::AsioReactor& ours(const aio::Reactor& reactor);

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::PosixDisk disk_;
  std::unique_ptr<aio::BlockingPool> pool_;
  aio::ReactorThread control_;
  std::vector<std::unique_ptr<aio::ReactorThread>> lanes_;
  std::vector<aio::Reactor*> lane_reactors_;
};

}  // namespace penstock::server
