// TCP over Boost.Asio.
//
// Names are resolved on the blocking pool; the last good addresses of a name are kept and used when a
// lookup fails, so that a DNS outage stalls no failover.
// Threads: one reactor.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "base/aio/transport.h"

namespace penstock::aio {

class AsioTransport final : public Transport {
 public:
  explicit AsioTransport(AsioReactor& reactor);
  Task<base::Result<std::unique_ptr<Stream>>> connect(std::string host, std::uint16_t port,
                                                      base::MonoTime deadline) override;

 private:
  Task<base::Result<std::vector<std::string>>> resolve(std::string host);

  AsioReactor& reactor_;
  static constexpr std::size_t kNamesMax = 1024;
  std::map<std::string, std::vector<std::string>> last_good_;
};

}  // namespace penstock::aio
