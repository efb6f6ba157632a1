#include "broker/net/http_server.h"

#include <optional>
#include <utility>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

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
constexpr std::size_t kConnectionsMax = 64;
constexpr auto kAcceptBackOff = base::milliseconds(100);

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<const HttpServer::Route> route,
          std::shared_ptr<std::size_t> count)
      : stream_(std::move(socket)), route_(std::move(route)), count_(std::move(count)) {
    ++*count_;
  }
  ~Session() { --*count_; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTime);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](const beast::error_code& code, std::size_t) { self->answer(code); });
  }

 private:
  void answer(const beast::error_code& code) {
    if (code == http::error::end_of_stream || code == beast::error::timeout) return;
    HttpReply reply;
    bool keep_alive = false;
    if (code == http::error::header_limit) {
      reply = {.status = 431, .body = "header too large\n"};
    } else if (code == http::error::body_limit) {
      reply = {.status = 413, .body = "no body is expected\n"};
    } else if (code) {
      reply = {.status = 400, .body = "bad request\n"};
    } else {
      const auto& request = parser_->get();
      keep_alive = request.keep_alive();
      if (request.method() != http::verb::get) {
        reply = {.status = 405, .body = "only GET\n"};
      } else {
        const auto target = request.target();
        reply = (*route_)(std::string_view(target.data(), target.size()));
      }
    }
    response_ = {};
    response_.version(11);
    response_.result(static_cast<unsigned>(reply.status));
    response_.set(http::field::content_type, reply.content_type);
    response_.body() = std::move(reply.body);
    response_.keep_alive(keep_alive);
    response_.prepare_payload();
    stream_.expires_after(kRequestTime);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), keep_alive](const beast::error_code& failed, std::size_t) {
                        if (!failed && keep_alive) self->read();
                      });
  }

  beast::tcp_stream stream_;
  const std::shared_ptr<const HttpServer::Route> route_;
  std::shared_ptr<std::size_t> count_;
  beast::flat_buffer buffer_{64 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(aio::AsioReactor& the_reactor, Route the_route)
      : reactor(the_reactor), route(std::move(the_route)), acceptor(reactor.context()) {}

  void accept_next() {
    if (!acceptor.is_open()) return;
    acceptor.async_accept(
        reactor.context(), [self = shared_from_this()](const beast::error_code& code, tcp::socket socket) {
          if (code == asio::error::operation_aborted) return;
          if (code) {
            // Out of descriptors, most likely: trying again at once would keep the reactor busy with nothing
            // else.
            self->reactor.call_after(kAcceptBackOff, [self] { self->accept_next(); });
            return;
          }
          if (*self->count < kConnectionsMax) {
            // Aliased: the route lives as long as a session does.
            std::shared_ptr<const Route> route(self, &self->route);
            std::make_shared<Session>(std::move(socket), std::move(route), self->count)->read();
          }
          self->accept_next();
        });
  }

  aio::AsioReactor& reactor;
  const Route route;
  tcp::acceptor acceptor;
  std::shared_ptr<std::size_t> count = std::make_shared<std::size_t>(0);
};

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
  log.info("serving /healthz, /readyz and /metrics on {}:{}", host, this->port());
  return {};
}

void HttpServer::stop() {
  beast::error_code ignored;
  impl_->acceptor.close(ignored);
}

std::uint16_t HttpServer::port() const {
  beast::error_code code;
  const auto endpoint = impl_->acceptor.local_endpoint(code);
  return code ? 0 : endpoint.port();
}

}  // namespace penstock::net
