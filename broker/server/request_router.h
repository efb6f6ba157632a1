// From a frame to its handler and back: parses the request header, looks the API up, frames the answer.
//
// Threads: handle() on the connection's reactor; immutable after construction.
// Source: Kafka protocol guide (headers), KIP-482, KIP-511 (ApiVersions with an unknown version).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/handlers/services.h"
#include "broker/net/request_sink.h"
#include "broker/server/metrics.h"

namespace penstock::server {

class RequestRouter final : public net::RequestSink {
 public:
  // Both outlive the router.
  RequestRouter(handlers::Services& services, Metrics& metrics) : services_(services), metrics_(metrics) {}

  bool is_pipelined(base::ByteSpan frame) const override;
  aio::Task<net::Response> handle(const net::ConnectionInfo& info, aio::Reactor& reactor,
                                  aio::CancelToken disconnected, net::Frame frame) override;

 private:
  handlers::Services& services_;
  Metrics& metrics_;
};

}  // namespace penstock::server
