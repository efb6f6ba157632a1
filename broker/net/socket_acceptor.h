// An Acceptor of plain TCP over Boost.Asio.
//
// Threads: the first of `reactors`, which outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "broker/net/acceptor.h"

namespace penstock::net {

// An empty host is every address. `reactors` is not empty.
std::unique_ptr<Acceptor> make_socket_acceptor(std::string host, std::uint16_t port,
                                               std::vector<aio::AsioReactor*> reactors);

}  // namespace penstock::net
