// Plain TCP as a Channel. Internal to broker/net: the only header there that shows Asio.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "broker/net/channel.h"

namespace penstock::net {

class SocketChannel final : public Channel {
 public:
  // Sets the socket non-blocking and TCP_NODELAY.
  explicit SocketChannel(boost::asio::ip::tcp::socket socket);

  base::Result<IoStatus> try_read(std::span<std::uint8_t> into) override;
  base::Result<IoStatus> try_write(std::span<const iovec> parts, bool more) override;
  base::Result<IoStatus> try_send_file(int descriptor, std::int64_t position, std::size_t length) override;
  void wait_readable(std::function<void()> ready) override;
  void wait_writable(std::function<void()> ready) override;
  void close() override;
  const std::string& peer_host() const override { return peer_host_; }

 private:
  boost::asio::ip::tcp::socket socket_;
  std::string peer_host_;
};

}  // namespace penstock::net
