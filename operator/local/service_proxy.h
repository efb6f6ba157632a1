// Services of type ClusterIP on this machine: each of their ports is a TCP proxy on 127.0.0.1 and [::1] that
// hands connections in turn to the pods that are ready, and outlives any of them. The status of a Service
// that is served so has "localhost" as its load balancer's ingress.
//
// A connection that comes while no pod is ready waits up to kPatience for one: a broker that restarts is back
// by then. Bounded: kConnectionsMax connections.
//
// Threads: one reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <memory>
#include <string>

#include "base/aio/asio_reactor.h"
#include "base/aio/task.h"
#include "operator/local/objects.h"

namespace penstock::local {

class ServiceProxy {
 public:
  static constexpr std::size_t kConnectionsMax = 2048;
  static constexpr base::Duration kPatience = base::seconds(5);
  static constexpr std::size_t kBufferBytes = 64 << 10;

  ServiceProxy(aio::AsioReactor& reactor, Objects& objects);
  ~ServiceProxy();

  // Makes the listeners follow the Services in the store.
  void sync();
  aio::Task<> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "IP:PORT" of the pods that are ready behind a port of a Service, in the order of their names.
std::vector<std::pair<std::string, std::uint16_t>> ready_backends(const Store& store, const Json& service,
                                                                  const Json& service_port);

}  // namespace penstock::local
