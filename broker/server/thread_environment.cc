#include "broker/server/thread_environment.h"

#include <utility>

#include "base/aio/asio_transport.h"
#include "base/assert.h"
#include "broker/net/socket_acceptor.h"

namespace penstock::server {

ThreadEnvironment::ThreadEnvironment(std::size_t lanes, std::size_t blocking_threads)
    : pool_(std::make_unique<aio::BlockingPool>(blocking_threads)), control_(clock_, *pool_, "control") {
  for (std::size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<aio::ReactorThread>(clock_, *pool_, "reactor-" + std::to_string(i)));
    lane_reactors_.push_back(&lanes_.back()->reactor());
  }
}

ThreadEnvironment::~ThreadEnvironment() { stop(); }

void ThreadEnvironment::stop() {
  for (auto& lane : lanes_) lane->stop_and_join();
  control_.stop_and_join();
  pool_.reset();
}

aio::AsioReactor& ThreadEnvironment::ours(const aio::Reactor& reactor) {
  for (auto& lane : lanes_) {
    if (&lane->reactor() == &reactor) return lane->reactor();
  }
  BASE_ASSERT(&control_.reactor() == &reactor, "a reactor of another environment");
  return control_.reactor();
}

std::unique_ptr<aio::Transport> ThreadEnvironment::transport(aio::Reactor& reactor) {
  return std::make_unique<aio::AsioTransport>(ours(reactor));
}

std::unique_ptr<net::Acceptor> ThreadEnvironment::acceptor(std::string host, std::uint16_t port,
                                                           const std::vector<aio::Reactor*>& reactors) {
  std::vector<aio::AsioReactor*> found;
  for (const aio::Reactor* reactor : reactors) found.push_back(&ours(*reactor));
  return net::make_socket_acceptor(std::move(host), port, std::move(found));
}

base::Result<std::unique_ptr<net::HttpServer>> ThreadEnvironment::serve_http(const std::string& host,
                                                                             std::uint16_t port,
                                                                             net::HttpServer::Route route) {
  auto http = std::make_unique<net::HttpServer>(control_.reactor(), std::move(route));
  TRY(http->start(host, port));
  return http;
}

}  // namespace penstock::server
