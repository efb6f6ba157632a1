#include "broker/net/socket_acceptor.h"

#include <utility>

#include <fmt/core.h>
#include <boost/asio/ip/tcp.hpp>

#include "broker/net/socket_channel.h"

namespace penstock::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kBacklog = 1024;

class SocketAcceptor final : public Acceptor {
 public:
  SocketAcceptor(std::string host, std::uint16_t port, std::vector<aio::AsioReactor*> reactors)
      : host_(std::move(host)),
        port_(port),
        reactors_(std::move(reactors)),
        acceptor_(reactors_.front()->context()) {}

  base::Result<> listen() override {
    const std::string where = fmt::format("listen on {}:{}", host_.empty() ? "*" : host_, port_);
    boost::system::error_code code;
    tcp::endpoint endpoint(tcp::v6(), port_);
    if (!host_.empty() && host_ != "0.0.0.0") {
      tcp::resolver resolver(reactors_.front()->context());
      const auto found = resolver.resolve(host_, std::to_string(port_), tcp::resolver::passive, code);
      if (code || found.empty())
        return base::fail(base::Errc::kInvalidArgument, fmt::format("{}: cannot resolve the host", where));
      endpoint = *found.begin();
    } else if (host_ == "0.0.0.0") {
      endpoint = tcp::endpoint(tcp::v4(), port_);
    }
    acceptor_.open(endpoint.protocol(), code);
    if (code == asio::error::address_family_not_supported && host_.empty()) {
      endpoint = tcp::endpoint(tcp::v4(), port_);
      acceptor_.open(endpoint.protocol(), code);
    }
    if (code) return base::fail(base::Error::from_errno(code.value(), where));
    acceptor_.set_option(tcp::acceptor::reuse_address(true), code);
    acceptor_.bind(endpoint, code);
    if (!code) acceptor_.listen(kBacklog, code);
    if (code == asio::error::address_in_use) {
      return base::fail(
          base::Errc::kAlreadyExists,
          fmt::format("{}: the port is taken; stop the other program or change `listeners`", where));
    }
    if (code) return base::fail(base::Error::from_errno(code.value(), where));
    return {};
  }

  void accept(std::size_t lane, Accepted accepted) override {
    acceptor_.async_accept(
        reactors_.at(lane)->context(),
        [accepted = std::move(accepted)](const boost::system::error_code& code, tcp::socket socket) mutable {
          if (code == asio::error::operation_aborted) return;
          if (code) {
            accepted(base::fail(base::Error::from_errno(code.value(), "accept")));
          } else {
            accepted(std::make_unique<SocketChannel>(std::move(socket)));
          }
        });
  }

  void close() override {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

  std::uint16_t port() const override {
    boost::system::error_code code;
    const auto endpoint = acceptor_.local_endpoint(code);
    return code ? port_ : endpoint.port();
  }

 private:
  const std::string host_;
  const std::uint16_t port_;
  const std::vector<aio::AsioReactor*> reactors_;
  tcp::acceptor acceptor_;
};

}  // namespace

std::unique_ptr<Acceptor> make_socket_acceptor(std::string host, std::uint16_t port,
                                               std::vector<aio::AsioReactor*> reactors) {
  return std::make_unique<SocketAcceptor>(std::move(host), port, std::move(reactors));
}

}  // namespace penstock::net
