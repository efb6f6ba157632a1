#include "broker/net/listener.h"

#include <atomic>
#include <unordered_map>
#include <utility>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::net {

namespace {
constexpr base::Logger log("net");
constexpr auto kAcceptBackOff = base::milliseconds(100);
constexpr auto kIdleSweepEvery = base::seconds(10);
}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  // The connections of one reactor; touched only there.
  struct Lane {
    aio::Reactor* reactor = nullptr;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections;
    bool is_stopping = false;
  };

  Impl(ListenerOptions the_options, std::unique_ptr<Acceptor> the_acceptor,
       const std::vector<aio::Reactor*>& reactors, RequestSink& the_sink)
      : options(std::move(the_options)), sink(the_sink), acceptor(std::move(the_acceptor)) {
    for (aio::Reactor* reactor : reactors) lanes.push_back(std::make_unique<Lane>(Lane{reactor, {}, false}));
  }

  void accept_next() {
    if (is_closed) return;
    const std::size_t at = next_lane++ % lanes.size();
    acceptor->accept(
        at, [self = shared_from_this(), &lane = *lanes[at]](base::Result<std::unique_ptr<Channel>> channel) {
          if (!channel) return self->accept_failed(channel.error());
          if (self->count.fetch_add(1) >= self->options.connections_max) {
            --self->count;
            log.warn("listener {}: {} connections are open, refusing one more (max.connections)",
                     self->options.name, self->options.connections_max);
            (*channel)->close();
          } else {
            lane.reactor->post([self, &lane, channel = std::move(*channel)]() mutable {
              self->adopt(lane, std::move(channel));
            });
          }
          self->accept_next();
        });
  }

  // Out of descriptors, most likely: go on when some have been given back.
  void accept_failed(const base::Error& error) {
    log.warn("listener {}: {}; trying again in {} ms", options.name, error.what(), kAcceptBackOff.count());
    lanes.front()->reactor->call_after(kAcceptBackOff, [self = shared_from_this()] { self->accept_next(); });
  }

  void adopt(Lane& lane, std::unique_ptr<Channel> channel) {
    if (lane.is_stopping) {
      --count;
      return;
    }
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
  const std::unique_ptr<Acceptor> acceptor;
  bool is_closed = false;  // Of the first reactor.
  std::vector<std::unique_ptr<Lane>> lanes;
  std::size_t next_lane = 0;
  std::atomic<std::size_t> count = 0;
  static inline std::atomic<std::uint64_t> next_connection_id = 1;
};

Listener::Listener(ListenerOptions options, std::unique_ptr<Acceptor> acceptor,
                   std::vector<aio::Reactor*> reactors, RequestSink& sink)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(acceptor), reactors, sink)) {}

Listener::~Listener() = default;

base::Result<> Listener::start() {
  TRY(impl_->acceptor->listen());
  impl_->accept_next();
  for (auto& lane : impl_->lanes) {
    Impl::Lane* at = lane.get();
    at->reactor->post([impl = impl_, at] { impl->sweep_idle(*at); });
  }
  return {};
}

aio::Task<> Listener::stop() {
  impl_->is_closed = true;
  impl_->acceptor->close();
  aio::Reactor& home = *impl_->lanes.front()->reactor;
  for (auto& lane : impl_->lanes) {
    Impl::Lane* at = lane.get();
    auto close = [at] { return Impl::close_lane(*at); };
    co_await aio::run_on(home, *at->reactor, std::move(close));
  }
}

std::uint16_t Listener::port() const { return impl_->acceptor->port(); }

const std::string& Listener::name() const { return impl_->options.name; }

}  // namespace penstock::net
