#include "base/aio/asio_transport.h"

#include <netdb.h>

#include <utility>

#include <fmt/core.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "base/aio/completion.h"
#include "base/aio/refusal.h"
#include "base/aio/sleep.h"

namespace penstock::aio {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Errc;

namespace {

using IoResult = std::pair<boost::system::error_code, std::size_t>;

base::Error error_of(const boost::system::error_code& code, std::string_view what) {
  if (code == asio::error::operation_aborted) return base::Error(Errc::kCancelled, std::string(what));
  return base::Error::from_errno(code.value(), what);
}

class AsioStream final : public Stream {
 public:
  AsioStream(tcp::socket socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override {
    Completion<IoResult> done;
    socket_.async_read_some(
        asio::buffer(buffer.data(), buffer.size()),
        [done](const boost::system::error_code& code, std::size_t n) { done.set({code, n}); });
    const auto [code, n] = co_await done.wait();
    if (code == asio::error::eof) co_return std::size_t{0};
    if (code) co_return base::fail(error_of(code, "read from " + peer_));
    co_return n;
  }

  Task<base::Result<>> write_all(base::ByteSpan bytes) override {
    Completion<IoResult> done;
    asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                      [done](const boost::system::error_code& code, std::size_t n) { done.set({code, n}); });
    const auto [code, n] = co_await done.wait();
    if (code) co_return base::fail(error_of(code, "write to " + peer_));
    co_return base::Result<>{};
  }

  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
  const std::string peer_;
};

base::Result<std::vector<std::string>> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0)
    return base::fail(Errc::kUnavailable, fmt::format("resolve {}: {}", host, gai_strerror(status)));
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

AsioTransport::AsioTransport(AsioReactor& reactor) : reactor_(reactor) {}

Task<base::Result<std::vector<std::string>>> AsioTransport::resolve(std::string host) {
  boost::system::error_code code;
  asio::ip::make_address(host, code);
  if (!code) co_return std::vector<std::string>{host};
  auto look = [host] { return look_up(host); };
  auto found = co_await run_blocking(reactor_, std::move(look));
  if (found) {
    if (last_good_.size() < kNamesMax || last_good_.contains(host)) last_good_[host] = *found;
    co_return found;
  }
  if (const auto kept = last_good_.find(host); kept != last_good_.end()) co_return kept->second;
  co_return base::fail(found.error());
}

Task<base::Result<std::unique_ptr<Stream>>> AsioTransport::connect(std::string host, std::uint16_t port,
                                                                   base::MonoTime deadline) {
  const std::string peer = fmt::format("{}:{}", host, port);
  auto addresses = co_await resolve(host);
  if (!addresses) co_return base::fail(addresses.error().context("connect to " + peer));
  base::Error last(Errc::kUnavailable, "connect to " + peer + ": no address");
  bool is_refused = true;  // By all so far.
  for (const std::string& address : *addresses) {
    boost::system::error_code code;
    const auto ip = asio::ip::make_address(address, code);
    if (code) continue;
    tcp::socket socket(reactor_.context());
    Completion<boost::system::error_code> done;
    const TimerId timer = reactor_.call_at(deadline, [done] { done.set(asio::error::timed_out); });
    socket.async_connect(tcp::endpoint(ip, port),
                         [done](const boost::system::error_code& result) { done.set(result); });
    code = co_await done.wait();
    reactor_.cancel(timer);
    if (!code) {
      socket.set_option(tcp::no_delay(true), code);
      co_return std::make_unique<AsioStream>(std::move(socket), peer);
    }
    is_refused = is_refused && code == asio::error::connection_refused;
    last = is_refused ? refusal_by(peer) : error_of(code, "connect to " + peer);
    // Another address was silent: somebody may yet be there.
    if (!is_refused && is_refusal(last)) last = base::Error(last.code(), last.what() + " by one address");
    if (reactor_.now() >= deadline) break;
  }
  co_return base::fail(std::move(last));
}

}  // namespace penstock::aio
