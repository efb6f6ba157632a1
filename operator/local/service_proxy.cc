#include "operator/local/service_proxy.h"

#include <array>
#include <map>
#include <set>
#include <vector>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/local/selector.h"

namespace penstock::local {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr base::Logger log("proxy");
constexpr std::array kAddresses = {"127.0.0.1", "::1"};
constexpr const char* kHostName = "localhost";  // Both of them.

bool is_ready(const Json& pod) {
  const Json& conditions = value_at(pod, "/status/conditions");
  if (!conditions.is_array() || is_being_deleted(pod)) return false;
  for (const Json& condition : conditions)
    if (text_at(condition, "/type") == "Ready") return text_at(condition, "/status") == "True";
  return false;
}

std::uint16_t target_port(const Json& pod, const Json& port) {
  const Json& target = value_at(port, "/targetPort");
  if (target.is_number_integer()) return target.get<std::uint16_t>();
  if (target.is_string())
    for (const Json& container : value_at(pod, "/spec/containers"))
      if (const Json& ports = value_at(container, "/ports"); ports.is_array())
        for (const Json& candidate : ports)
          if (text_at(candidate, "/name") == target.get<std::string>())
            return static_cast<std::uint16_t>(number_at(candidate, "/containerPort", 0));
  return static_cast<std::uint16_t>(number_at(port, "/port", 0));
}

bool is_proxied(const Json& service) {
  const Json& selector = value_at(service, "/spec/selector");
  return selector.is_object() && !selector.empty() && text_at(service, "/spec/clusterIP") != "None";
}

}  // namespace

std::vector<std::pair<std::string, std::uint16_t>> ready_backends(const Store& store, const Json& service,
                                                                  const Json& service_port) {
  const Selector selector = Selector::of_labels(value_at(service, "/spec/selector"));
  std::vector<std::pair<std::string, std::uint16_t>> backends;
  for (const ObjectPtr& pod : store.list("pods", namespace_of(service)))
    if (selector.matches(*pod) && is_ready(*pod))
      backends.emplace_back(text_at(*pod, "/status/podIP"), target_port(*pod, service_port));
  return backends;
}

struct ServiceProxy::Impl {
  // One port of a Service on one address.
  struct Listener {
    Listener(asio::io_context& context, ObjectKey the_service, Json the_port)
        : acceptor(context), service(std::move(the_service)), port(std::move(the_port)) {}
    tcp::acceptor acceptor;
    ObjectKey service;
    Json port;
    bool is_open = false;
  };
  using ListenerKey = std::pair<std::string, std::uint16_t>;

  aio::AsioReactor& reactor;
  Objects& objects;
  std::map<ListenerKey, std::shared_ptr<Listener>> listeners{};
  std::set<ListenerKey> reported{};  // Problems that were logged.
  std::set<tcp::socket*> sockets{};
  std::size_t next = 0;  // Round robin.
  bool is_stopping = false;
  bool is_retrying = false;
  aio::Gate gate{};

  void sync();
  void tell_addresses();
  bool open(const ListenerKey& key, const std::shared_ptr<Listener>& listener);
  aio::Task<> retry();
  aio::Task<> accept_all(std::shared_ptr<Listener> listener);
  aio::Task<> serve(tcp::socket client, std::shared_ptr<Listener> listener);
  aio::Task<bool> connect(tcp::socket& server, const Listener& listener);
  aio::Task<> relay(tcp::socket& from, tcp::socket& to);
};

ServiceProxy::ServiceProxy(aio::AsioReactor& reactor, Objects& objects) : impl_(new Impl{reactor, objects}) {}
ServiceProxy::~ServiceProxy() = default;
void ServiceProxy::sync() { impl_->sync(); }

aio::Task<> ServiceProxy::stop() {
  impl_->is_stopping = true;
  error_code ignored;
  for (auto& [key, listener] : impl_->listeners) listener->acceptor.close(ignored);
  for (tcp::socket* socket : impl_->sockets) {
    socket->shutdown(tcp::socket::shutdown_both, ignored);
    socket->cancel(ignored);
  }
  co_await impl_->gate.close();
}

void ServiceProxy::Impl::sync() {
  if (is_stopping) return;
  std::map<ListenerKey, std::pair<ObjectKey, Json>> wanted;
  for (const ObjectPtr& service : objects.store().list("services", "")) {
    const Json& ports = value_at(*service, "/spec/ports");
    if (!is_proxied(*service) || !ports.is_array()) continue;
    const ObjectKey key{"services", namespace_of(*service), name_of(*service)};
    for (const Json& port : ports)
      for (const char* address : kAddresses)
        wanted.try_emplace({address, static_cast<std::uint16_t>(number_at(port, "/port", 0))}, key, port);
  }
  error_code ignored;
  std::erase_if(listeners, [&](auto& entry) {
    const auto found = wanted.find(entry.first);
    const bool stays = found != wanted.end() && found->second.first == entry.second->service;
    if (!stays) entry.second->acceptor.close(ignored);
    return !stays;
  });
  bool all_open = true;
  for (const auto& [key, what] : wanted) {
    std::shared_ptr<Listener>& listener = listeners[key];
    if (!listener) listener = std::make_shared<Listener>(reactor.context(), what.first, what.second);
    listener->port = what.second;
    if (!listener->is_open) all_open = open(key, listener) && all_open;
  }
  tell_addresses();
  if (!all_open && !is_retrying) aio::spawn(gate, "proxy retry", retry());
}

// As Kubernetes tells the address of a load balancer. Of two Services with the same port only one has it.
void ServiceProxy::Impl::tell_addresses() {
  std::set<ObjectKey> served;
  for (const auto& [key, listener] : listeners)
    if (listener->is_open) served.insert(listener->service);
  const Kind* kind = objects.kinds().find_resource("services");
  WriteOptions options;
  options.tracks_fields = false;
  options.subresource = "status";
  for (const ObjectPtr& service : objects.store().list("services", "")) {
    const ObjectKey key{"services", namespace_of(*service), name_of(*service)};
    const Json ingress = served.contains(key) ? Json::array({{{"hostname", kHostName}}}) : Json();
    if (value_at(*service, "/status/loadBalancer/ingress") == ingress) continue;
    Json changed = *service;
    changed["status"]["loadBalancer"] = Json::object();
    if (!ingress.is_null()) changed["status"]["loadBalancer"]["ingress"] = ingress;
    if (const auto done = objects.update(*kind, key.ns, key.name, std::move(changed), options); !done)
      log.warn("status of {}: {}", key.to_string(), done.error().what());
  }
}

bool ServiceProxy::Impl::open(const ListenerKey& key, const std::shared_ptr<Listener>& listener) {
  error_code code;
  const tcp::endpoint endpoint(asio::ip::make_address(key.first), key.second);
  tcp::acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(512, code);
  if (code) {
    error_code ignored;
    acceptor.close(ignored);
    if (reported.insert(key).second)
      log.warn("{} cannot be served on {}:{}: {}", listener->service.to_string(), key.first, key.second,
               code.message());
    // A machine without IPv6 is served on IPv4 alone.
    return code == asio::error::address_family_not_supported ||
           code == boost::system::errc::address_not_available;
  }
  reported.erase(key);
  listener->is_open = true;
  log.info("{} is served on {}:{}", listener->service.to_string(), key.first, key.second);
  aio::spawn(gate, "proxy accept", accept_all(listener));
  return true;
}

aio::Task<> ServiceProxy::Impl::retry() {
  is_retrying = true;
  (void)co_await aio::sleep_for(reactor, base::milliseconds(500));
  is_retrying = false;
  sync();
}

aio::Task<> ServiceProxy::Impl::accept_all(std::shared_ptr<Listener> listener) {
  while (!is_stopping) {
    tcp::socket client(reactor.context());
    aio::Completion<error_code> done;
    listener->acceptor.async_accept(client, [done](const error_code& code) { done.set(code); });
    const error_code code = co_await done.wait();
    if (code == asio::error::operation_aborted || !listener->acceptor.is_open()) co_return;
    if (code) {
      (void)co_await aio::sleep_for(reactor, base::milliseconds(100));
      continue;
    }
    if (sockets.size() >= 2 * kConnectionsMax) continue;  // Closed at the end of this turn.
    aio::spawn(gate, "proxy connection", serve(std::move(client), listener));
  }
}

aio::Task<bool> ServiceProxy::Impl::connect(tcp::socket& server, const Listener& listener) {
  const base::MonoTime deadline = reactor.now() + kPatience;
  while (!is_stopping && reactor.now() < deadline) {
    const ObjectPtr service = objects.store().get(listener.service);
    if (!service) co_return false;
    const auto backends = ready_backends(objects.store(), *service, listener.port);
    for (std::size_t i = 0; i < backends.size(); ++i) {
      const auto& [address, port] = backends[next++ % backends.size()];
      aio::Completion<error_code> done;
      error_code code;
      const tcp::endpoint endpoint(asio::ip::make_address(address, code), port);
      server.async_connect(endpoint, [done](const error_code& result) { done.set(result); });
      code = co_await done.wait();
      if (!code) co_return true;
      server.close(code);
    }
    (void)co_await aio::sleep_for(reactor, base::milliseconds(50));
  }
  co_return false;
}

aio::Task<> ServiceProxy::Impl::serve(tcp::socket client, std::shared_ptr<Listener> listener) {
  tcp::socket server(reactor.context());
  sockets.insert(&client);
  sockets.insert(&server);
  error_code ignored;
  client.set_option(tcp::no_delay(true), ignored);
  if (co_await connect(server, *listener)) {
    server.set_option(tcp::no_delay(true), ignored);
    aio::Gate both;
    aio::spawn(both, "proxy up", relay(client, server));
    aio::spawn(both, "proxy down", relay(server, client));
    co_await both.close();
  }
  sockets.erase(&client);
  sockets.erase(&server);
}

aio::Task<> ServiceProxy::Impl::relay(tcp::socket& from, tcp::socket& to) {
  std::vector<std::uint8_t> buffer(kBufferBytes);
  error_code code;
  while (!code) {
    aio::Completion<std::pair<error_code, std::size_t>> got;
    from.async_read_some(asio::buffer(buffer),
                         [got](const error_code& result, std::size_t n) { got.set({result, n}); });
    const auto [read_code, size] = co_await got.wait();
    code = read_code;
    if (code) break;
    aio::Completion<error_code> sent;
    asio::async_write(to, asio::buffer(buffer.data(), size),
                      [sent](const error_code& result, std::size_t) { sent.set(result); });
    code = co_await sent.wait();
  }
  error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
  // Anything but a clean end is the end of both directions.
  if (code != asio::error::eof) {
    from.cancel(ignored);
    to.cancel(ignored);
  }
}

}  // namespace penstock::local
