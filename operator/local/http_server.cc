#include "operator/local/http_server.h"

#include <set>
#include <utility>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::local {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr base::Logger log("api");

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

bool is_loopback_host(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.find(':'));
  return host.empty() || host == "localhost" || host.starts_with("127.");
}

using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

aio::Task<error_code> read_request(tcp::socket& socket, boost::beast::flat_buffer& buffer, Parser& parser) {
  aio::Completion<error_code> done;
  http::async_read(socket, buffer, parser, [done](const error_code& code, std::size_t) { done.set(code); });
  co_return co_await done.wait();
}

aio::Task<error_code> write_response(tcp::socket& socket, Response& response) {
  aio::Completion<error_code> done;
  http::async_write(socket, response, [done](const error_code& code, std::size_t) { done.set(code); });
  co_return co_await done.wait();
}

aio::Task<error_code> write_text(tcp::socket& socket, const std::string& bytes) {
  aio::Completion<error_code> done;
  asio::async_write(socket, asio::buffer(bytes),
                    [done](const error_code& code, std::size_t) { done.set(code); });
  co_return co_await done.wait();
}

std::string chunk_of(const std::string& bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

}  // namespace

struct HttpServer::Impl {
  aio::AsioReactor& reactor;
  Api& api;
  Store& store;
  tcp::acceptor acceptor;
  std::set<tcp::socket*> sockets{};
  bool is_stopping = false;
  aio::Gate gate{};

  aio::Task<> accept_all();
  aio::Task<> serve(tcp::socket socket);
  aio::Task<> serve_requests(tcp::socket& socket);
  aio::Task<> stream(tcp::socket& socket, WatchRequest request);
  ApiReply answer(const Parser& parser);
};

HttpServer::HttpServer(aio::AsioReactor& reactor, Api& api, Store& store)
    : impl_(new Impl{reactor, api, store, tcp::acceptor(reactor.context())}) {}

HttpServer::~HttpServer() = default;

base::Result<std::uint16_t> HttpServer::listen(const std::string& address, std::uint16_t port) {
  const std::string what = fmt::format("listen on {}:{}", address, port);
  error_code code;
  const auto ip = asio::ip::make_address(address, code);
  if (code) return base::fail(base::Errc::kInvalidArgument, what + ": no IP address");
  const tcp::endpoint endpoint(ip, port);
  impl_->acceptor.open(endpoint.protocol(), code);
  if (!code) impl_->acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) impl_->acceptor.bind(endpoint, code);
  if (!code) impl_->acceptor.listen(128, code);
  if (code) return base::fail(base::Error::from_errno(code.value(), what));
  aio::spawn(impl_->gate, "api accept", impl_->accept_all());
  return impl_->acceptor.local_endpoint().port();
}

aio::Task<> HttpServer::stop() {
  impl_->is_stopping = true;
  error_code ignored;
  impl_->acceptor.close(ignored);
  for (tcp::socket* socket : impl_->sockets) {
    socket->shutdown(tcp::socket::shutdown_both, ignored);
    socket->cancel(ignored);
  }
  co_await impl_->gate.close();
}

aio::Task<> HttpServer::Impl::accept_all() {
  while (!is_stopping) {
    tcp::socket socket(reactor.context());
    aio::Completion<error_code> done;
    acceptor.async_accept(socket, [done](const error_code& code) { done.set(code); });
    const error_code code = co_await done.wait();
    if (code == asio::error::operation_aborted || is_stopping) co_return;
    if (code) {
      log.warn("accept: {}", code.message());
      (void)co_await aio::sleep_for(reactor, base::milliseconds(100));
      continue;
    }
    if (sockets.size() >= kConnectionsMax) continue;  // Closed at the end of this turn.
    aio::spawn(gate, "api connection", serve(std::move(socket)));
  }
}

aio::Task<> HttpServer::Impl::serve(tcp::socket socket) {
  sockets.insert(&socket);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_await serve_requests(socket);
  sockets.erase(&socket);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

aio::Task<> HttpServer::Impl::serve_requests(tcp::socket& socket) {
  boost::beast::flat_buffer buffer;
  while (!is_stopping) {
    Parser parser;
    parser.body_limit(kBodyBytesMax);
    parser.header_limit(kHeaderBytesMax);
    const aio::TimerId timer = reactor.call_after(kIdle, [&socket] {
      error_code ignored;
      socket.cancel(ignored);
    });
    const error_code code = co_await read_request(socket, buffer, parser);
    reactor.cancel(timer);
    if (code == http::error::body_limit || code == http::error::header_limit) {
      Response too_large{http::status::payload_too_large, 11};
      too_large.keep_alive(false);
      too_large.prepare_payload();
      (void)co_await write_response(socket, too_large);
    }
    if (code) co_return;
    ApiReply reply = answer(parser);
    if (reply.watch) {
      co_await stream(socket, std::move(*reply.watch));
      co_return;
    }
    Response response{static_cast<http::status>(reply.status), parser.get().version()};
    response.set(http::field::content_type, reply.content_type);
    response.set(http::field::cache_control, "no-cache, private");
    response.keep_alive(parser.get().keep_alive());
    response.body() = std::move(reply.body);
    response.prepare_payload();
    const error_code written = co_await write_response(socket, response);
    if (written || !response.keep_alive()) co_return;
  }
}

ApiReply HttpServer::Impl::answer(const Parser& parser) {
  const auto& message = parser.get();
  ApiRequest request;
  base::Result<> parsed = parse_target(text(message.target()), request);
  if (message.find(http::field::origin) != message.end() ||
      !is_loopback_host(text(message[http::field::host])))
    parsed =
        base::fail(base::Errc::kPermissionDenied, "requests from web pages and for other hosts are refused");
  if (!parsed) {
    ApiReply reply;
    reply.status = http_status_of(parsed.error().code());
    reply.body = status_of(parsed.error()).dump();
    return reply;
  }
  request.method = text(message.method_string());
  request.content_type = text(message[http::field::content_type]);
  request.accept = text(message[http::field::accept]);
  request.user_agent = text(message[http::field::user_agent]);
  request.body = message.body();
  ApiReply reply = api.handle(request);
  log.debug("{} {} {}", request.method, text(message.target()), reply.status);
  return reply;
}

namespace {

// Wakes a stream when the store changes, the client leaves or time passes; wakes posted before it looks are
// one.
struct Waker {
  aio::AsioReactor& reactor;
  std::shared_ptr<bool> is_alive = std::make_shared<bool>(true);
  aio::Completion<bool> completion{};
  bool is_posted = false;
  bool is_client_gone = false;

  void wake() {
    if (std::exchange(is_posted, true)) return;
    reactor.post([this, alive = is_alive] {
      if (*alive) completion.set(true);
    });
  }
};

}  // namespace

aio::Task<> HttpServer::Impl::stream(tcp::socket& socket, WatchRequest request) {
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache, private\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  if (co_await write_text(socket, head)) co_return;
  const base::MonoTime deadline = reactor.now() + base::seconds(request.timeout_s);
  constexpr base::Duration kBookmarkEvery = base::seconds(15);
  Watch watch(store, std::move(request));
  Waker waker{reactor};
  // A client that sends or closes has no more use for the stream.
  socket.async_wait(tcp::socket::wait_read, [&waker, alive = waker.is_alive](const error_code&) {
    if (!*alive) return;
    waker.is_client_gone = true;
    waker.wake();
  });
  const std::uint64_t subscription = store.subscribe([&waker](const Change&) { waker.wake(); });
  bool is_broken = false;
  while (!is_broken && !is_stopping && !waker.is_client_gone && !watch.has_ended() &&
         reactor.now() < deadline) {
    const std::string lines = watch.next_lines(reactor.wall_ms());
    if (!lines.empty()) {
      const std::string chunk = chunk_of(lines);
      if (co_await write_text(socket, chunk)) break;
      continue;
    }
    const aio::TimerId timer =
        reactor.call_at(std::min(deadline, reactor.now() + kBookmarkEvery), [&waker] { waker.wake(); });
    const base::MonoTime waited_from = reactor.now();
    co_await waker.completion.wait();
    reactor.cancel(timer);
    waker.completion = aio::Completion<bool>();
    waker.is_posted = false;
    const std::string bookmark = reactor.now() - waited_from >= kBookmarkEvery ? watch.bookmark() : "";
    if (!bookmark.empty()) {
      const std::string chunk = chunk_of(bookmark);
      is_broken = static_cast<bool>(co_await write_text(socket, chunk));
    }
  }
  store.unsubscribe(subscription);
  *waker.is_alive = false;
  error_code ignored;
  socket.cancel(ignored);
  const std::string end = "0\r\n\r\n";
  if (!is_broken && !waker.is_client_gone && !is_stopping) (void)co_await write_text(socket, end);
}

}  // namespace penstock::local
