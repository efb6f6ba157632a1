#include "broker/net/http_server.h"

#include <optional>
#include <utility>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "base/aio/gate.h"
#include "base/log.h"

namespace penstock::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr base::Logger log("admin");
constexpr auto kRequestTime = std::chrono::seconds(10);
constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::uint64_t kBodyBytesMax = 4 * 1024;
constexpr std::size_t kConnectionsMax = 64;
constexpr auto kAcceptBackOff = base::milliseconds(100);

bool is_served(http::verb method) {
  return method == http::verb::get || method == http::verb::post || method == http::verb::delete_;
}

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(aio::AsioReactor& the_reactor, Route the_route)
      : reactor(the_reactor), route(std::move(the_route)), acceptor(reactor.context()) {}

  void accept_next();

  aio::AsioReactor& reactor;
  const Route route;
  tcp::acceptor acceptor;
  std::size_t connections = 0;
  aio::Gate gate;  // Of the routes that run.
};

namespace {

template <typename Server>
class Session : public std::enable_shared_from_this<Session<Server>> {
 public:
  Session(tcp::socket socket, std::shared_ptr<Server> server)
      : stream_(std::move(socket)), server_(std::move(server)) {
    ++server_->connections;
  }
  ~Session() { --server_->connections; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(kRequestTime);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](const beast::error_code& code, std::size_t) { self->take(code); });
  }

 private:
  void take(const beast::error_code& code) {
    if (code == http::error::end_of_stream || code == beast::error::timeout) return;
    if (code == http::error::header_limit) return write({.status = 431, .body = "header too large\n"}, false);
    if (code == http::error::body_limit) return write({.status = 413, .body = "body too large\n"}, false);
    if (code) return write({.status = 400, .body = "bad request\n"}, false);
    const auto& request = parser_->get();
    if (!is_served(request.method())) {
      return write({.status = 405, .body = "only GET, POST and DELETE\n"}, request.keep_alive());
    }
    aio::spawn(server_->gate, "admin request", serve(this->shared_from_this()));
  }

  // Takes a reference to itself: the connection lives as long as its route runs.
  static aio::Task<> serve(std::shared_ptr<Session> self) {
    const auto& message = self->parser_->get();
    HttpRequest request;
    request.method = text_of(message.method_string());
    request.target = text_of(message.target());
    request.authorization = text_of(message[http::field::authorization]);
    request.has_origin = message.count(http::field::origin) > 0;
    request.body = message.body();
    const bool keep_alive = message.keep_alive();
    HttpReply reply = co_await self->server_->route(std::move(request));
    self->write(std::move(reply), keep_alive);
  }

  void write(HttpReply reply, bool keep_alive) {
    response_ = {};
    response_.version(11);
    response_.result(static_cast<unsigned>(reply.status));
    response_.set(http::field::content_type, reply.content_type);
    response_.body() = std::move(reply.body);
    response_.keep_alive(keep_alive);
    response_.prepare_payload();
    stream_.expires_after(kRequestTime);
    http::async_write(
        stream_, response_,
        [self = this->shared_from_this(), keep_alive](const beast::error_code& failed, std::size_t) {
          if (!failed && keep_alive) self->read();
        });
  }

  beast::tcp_stream stream_;
  const std::shared_ptr<Server> server_;
  beast::flat_buffer buffer_{64 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

void HttpServer::Impl::accept_next() {
  if (!acceptor.is_open()) return;
  acceptor.async_accept(reactor.context(),
                        [self = shared_from_this()](const beast::error_code& code, tcp::socket socket) {
                          if (code == asio::error::operation_aborted) return;
                          if (code) {
                            // Out of descriptors, most likely: trying again at once would keep the reactor
                            // busy with nothing else.
                            self->reactor.call_after(kAcceptBackOff, [self] { self->accept_next(); });
                            return;
                          }
                          if (self->connections < kConnectionsMax) {
                            std::make_shared<Session<Impl>>(std::move(socket), self)->read();
                          }
                          self->accept_next();
                        });
}

HttpServer::HttpServer(aio::AsioReactor& reactor, Route route)
    : impl_(std::make_shared<Impl>(reactor, std::move(route))) {}
HttpServer::~HttpServer() = default;

base::Result<> HttpServer::start(const std::string& host, std::uint16_t port) {
  const std::string where = fmt::format("admin port {}:{}", host, port);
  beast::error_code code;
  const auto address = asio::ip::make_address(host, code);
  if (code) return base::fail(base::Errc::kInvalidArgument, fmt::format("{}: not an IP address", where));
  const tcp::endpoint endpoint(address, port);
  impl_->acceptor.open(endpoint.protocol(), code);
  if (!code) impl_->acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) impl_->acceptor.bind(endpoint, code);
  if (!code) impl_->acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code) return base::fail(base::Error::from_errno(code.value(), where));
  impl_->accept_next();
  log.info("serving health, metrics and /v1 on {}:{}", host, this->port());
  return {};
}

aio::Task<> HttpServer::stop() {
  beast::error_code ignored;
  impl_->acceptor.close(ignored);
  co_await impl_->gate.close();
}

std::uint16_t HttpServer::port() const {
  beast::error_code code;
  const auto endpoint = impl_->acceptor.local_endpoint(code);
  return code ? 0 : endpoint.port();
}

}  // namespace penstock::net
