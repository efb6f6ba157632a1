#include "broker/net/listener.h"

#include <atomic>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/net/socket_channel.h"

namespace penstock::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {
constexpr base::Logger log("net");
constexpr auto kAcceptBackOff = base::milliseconds(100);
constexpr auto kIdleSweepEvery = base::seconds(10);
constexpr int kBacklog = 1024;
}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  // The connections of one reactor; touched only there.
  struct Lane {
    aio::AsioReactor* reactor = nullptr;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections;
    bool is_stopping = false;
  };

  Impl(ListenerOptions the_options, const std::vector<aio::AsioReactor*>& reactors, RequestSink& the_sink)
      : options(std::move(the_options)), sink(the_sink), acceptor(reactors.front()->context()) {
    for (aio::AsioReactor* reactor : reactors)
      lanes.push_back(std::make_unique<Lane>(Lane{reactor, {}, false}));
  }

  void accept_next() {
    if (!acceptor.is_open()) return;
    Lane& lane = *lanes[next_lane++ % lanes.size()];
    acceptor.async_accept(
        lane.reactor->context(),
        [self = shared_from_this(), &lane](const boost::system::error_code& code, tcp::socket socket) {
          if (code == asio::error::operation_aborted) return;
          if (code) return self->accept_failed(code);
          if (self->count.fetch_add(1) >= self->options.connections_max) {
            --self->count;
            log.warn("listener {}: {} connections are open, refusing one more (max.connections)",
                     self->options.name, self->options.connections_max);
            boost::system::error_code ignored;
            socket.close(ignored);
          } else {
            lane.reactor->post([self, &lane, socket = std::move(socket)]() mutable {
              self->adopt(lane, std::move(socket));
            });
          }
          self->accept_next();
        });
  }

  // Out of descriptors, most likely: go on when some have been given back.
  void accept_failed(const boost::system::error_code& code) {
    log.warn("listener {}: accept: {}; trying again in {} ms", options.name, code.message(),
             kAcceptBackOff.count());
    lanes.front()->reactor->call_after(kAcceptBackOff, [self = shared_from_this()] { self->accept_next(); });
  }

  void adopt(Lane& lane, tcp::socket socket) {
    if (lane.is_stopping) {
      --count;
      return;
    }
    auto channel = std::make_unique<SocketChannel>(std::move(socket));
    ConnectionInfo info{next_connection_id.fetch_add(1), channel->peer_host(), options.name};
    const std::uint64_t id = info.id;
    auto connection =
        std::make_shared<Connection>(std::move(info), std::move(channel), *lane.reactor, sink, options.limits,
                                     [self = shared_from_this(), &lane](std::uint64_t closed) {
                                       if (lane.connections.erase(closed) > 0) --self->count;
                                     });
    lane.connections.emplace(id, connection);
    connection->start();
  }

  void sweep_idle(Lane& lane) {
    if (lane.is_stopping) return;
    const base::MonoTime oldest = lane.reactor->now() - options.idle_max;
    std::vector<std::shared_ptr<Connection>> idle;
    for (const auto& [id, connection] : lane.connections) {
      if (connection->is_idle() && connection->last_active() < oldest) idle.push_back(connection);
    }
    for (const auto& connection : idle) connection->close();
    lane.reactor->call_after(kIdleSweepEvery, [self = shared_from_this(), &lane] { self->sweep_idle(lane); });
  }

  static bool close_lane(Lane& lane) {
    lane.is_stopping = true;
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [id, connection] : lane.connections) all.push_back(connection);
    for (const auto& connection : all) connection->close();
    return true;
  }

  const ListenerOptions options;
  RequestSink& sink;
  tcp::acceptor acceptor;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::size_t next_lane = 0;
  std::atomic<std::size_t> count = 0;
  static inline std::atomic<std::uint64_t> next_connection_id = 1;
};

Listener::Listener(ListenerOptions options, std::vector<aio::AsioReactor*> reactors, RequestSink& sink)
    : impl_(std::make_shared<Impl>(std::move(options), reactors, sink)) {}

Listener::~Listener() = default;

base::Result<> Listener::start() {
  const ListenerOptions& options = impl_->options;
  const std::string where =
      fmt::format("listen on {}:{}", options.host.empty() ? "*" : options.host, options.port);
  boost::system::error_code code;
  tcp::endpoint endpoint(tcp::v6(), options.port);
  if (!options.host.empty() && options.host != "0.0.0.0") {
    tcp::resolver resolver(impl_->lanes.front()->reactor->context());
    const auto found =
        resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, code);
    if (code || found.empty())
      return base::fail(base::Errc::kInvalidArgument, fmt::format("{}: cannot resolve the host", where));
    endpoint = *found.begin();
  } else if (options.host == "0.0.0.0") {
    endpoint = tcp::endpoint(tcp::v4(), options.port);
  }
  tcp::acceptor& acceptor = impl_->acceptor;
  acceptor.open(endpoint.protocol(), code);
  if (code == asio::error::address_family_not_supported && options.host.empty()) {
    endpoint = tcp::endpoint(tcp::v4(), options.port);
    acceptor.open(endpoint.protocol(), code);
  }
  if (code) return base::fail(base::Error::from_errno(code.value(), where));
  acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(kBacklog, code);
  if (code == asio::error::address_in_use) {
    return base::fail(
        base::Errc::kAlreadyExists,
        fmt::format("{}: the port is taken; stop the other program or change `listeners`", where));
  }
  if (code) return base::fail(base::Error::from_errno(code.value(), where));
  impl_->accept_next();
  for (auto& lane : impl_->lanes) {
    Impl::Lane* at = lane.get();
    at->reactor->post([impl = impl_, at] { impl->sweep_idle(*at); });
  }
  return {};
}

aio::Task<> Listener::stop() {
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  aio::Reactor& home = *impl_->lanes.front()->reactor;
  for (auto& lane : impl_->lanes) {
    Impl::Lane* at = lane.get();
    auto close = [at] { return Impl::close_lane(*at); };
    co_await aio::run_on(home, *at->reactor, std::move(close));
  }
}

std::uint16_t Listener::port() const {
  boost::system::error_code code;
  const auto endpoint = impl_->acceptor.local_endpoint(code);
  return code ? impl_->options.port : endpoint.port();
}

const std::string& Listener::name() const { return impl_->options.name; }

}  // namespace penstock::net
