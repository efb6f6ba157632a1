#include "operator/server/health.h"

#include <cerrno>

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::server {
namespace {

using base::Errc;
using base::Error;
using base::fail;
using base::Result;

constexpr std::size_t kRequestBytesMax = 8192;
constexpr int kReadTimeoutS = 2;

std::string http_reply(const HealthServer::Reply& reply) {
  const char* text = reply.status == 200 ? "OK" : reply.status == 404 ? "Not Found" : "Service Unavailable";
  return "HTTP/1.1 " + std::to_string(reply.status) + " " + text +
         "\r\nContent-Type: text/plain; charset=utf-8\r\n" +
         "Content-Length: " + std::to_string(reply.body.size()) + "\r\nConnection: close\r\n\r\n" +
         reply.body;
}

}  // namespace

HealthServer::~HealthServer() {
  if (thread_.joinable()) {
    const char byte = 0;
    (void)!::write(wake_[1], &byte, 1);
    thread_.join();
  }
  for (const int descriptor : {listener_, wake_[0], wake_[1]}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

Result<> HealthServer::start(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return fail(Errc::kInvalidArgument, address + " is not host:port");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), address.c_str() + colon + 1, &hints, &found) !=
      0) {
    return fail(Errc::kInvalidArgument, address + " is not an address with a port");
  }
  listener_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool is_bound =
      ::bind(listener_, found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener_, 64) == 0;
  const int error = errno;
  ::freeaddrinfo(found);
  if (!is_bound) return fail(Error::from_errno(error, "listen on " + address));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  // The port is at the same place in IPv4's and IPv6's address.
  port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  if (::pipe(wake_) != 0) return fail(Error::from_errno(errno, "pipe"));
  thread_ = std::thread([this] { serve(); });
  return {};
}

void HealthServer::serve() {
  for (;;) {
    pollfd waits[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HealthServer::answer(int connection) const {
  const timeval limit{kReadTimeoutS, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  std::string request;
  char buffer[1024];
  while (!request.contains("\r\n\r\n")) {
    const ssize_t size = ::recv(connection, buffer, sizeof buffer, 0);
    if (size <= 0 || request.size() + static_cast<std::size_t>(size) > kRequestBytesMax) return;
    request.append(buffer, static_cast<std::size_t>(size));
  }
  if (!request.starts_with("GET ")) return;
  const std::string reply = http_reply(handler_(request.substr(4, request.find_first_of(" ?", 4) - 4)));
  std::size_t sent = 0;
  while (sent < reply.size()) {
    const ssize_t size = ::send(connection, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<std::size_t>(size);
  }
}

}  // namespace penstock::server
