#include "broker/net/socket_channel.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <fmt/core.h>

namespace penstock::net {

using boost::asio::ip::tcp;

namespace {

// A peer that went away is an ordinary end, not an error.
base::Result<IoStatus> status_of(ssize_t result, const char* call, const std::string& peer) {
  if (result >= 0) return IoStatus{.bytes = static_cast<std::size_t>(result)};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return IoStatus{.would_block = true};
  if (errno == ECONNRESET || errno == EPIPE || errno == ENOTCONN || errno == EBADF)
    return IoStatus{.is_closed = true};
  return base::fail(base::Error::from_errno(errno, fmt::format("{} {}", call, peer)));
}

}  // namespace

SocketChannel::SocketChannel(tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code code;
  socket_.non_blocking(true, code);
  socket_.set_option(tcp::no_delay(true), code);
  const auto peer = socket_.remote_endpoint(code);
  peer_host_ = code ? "unknown" : peer.address().to_string();
}

base::Result<IoStatus> SocketChannel::try_read(std::span<std::uint8_t> into) {
  const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
  if (got == 0) return IoStatus{.is_closed = true};
  return status_of(got, "read from", peer_host_);
}

base::Result<IoStatus> SocketChannel::try_write(std::span<const iovec> parts, bool more) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return status_of(::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0)),
                   "write to", peer_host_);
}

base::Result<IoStatus> SocketChannel::try_send_file(int descriptor, std::int64_t position,
                                                    std::size_t length) {
  off_t offset = position;
  const ssize_t sent = ::sendfile(socket_.native_handle(), descriptor, &offset, length);
  if (sent == 0 && length > 0) {
    return base::fail(base::Errc::kIo, fmt::format("send to {}: the file ends at {}", peer_host_, position));
  }
  return status_of(sent, "send to", peer_host_);
}

void SocketChannel::wait_readable(std::function<void()> ready) {
  socket_.async_wait(tcp::socket::wait_read,
                     [ready = std::move(ready)](const boost::system::error_code& code) {
                       if (code != boost::asio::error::operation_aborted) ready();
                     });
}

void SocketChannel::wait_writable(std::function<void()> ready) {
  socket_.async_wait(tcp::socket::wait_write,
                     [ready = std::move(ready)](const boost::system::error_code& code) {
                       if (code != boost::asio::error::operation_aborted) ready();
                     });
}

void SocketChannel::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace penstock::net
