// An HTTP server on loopback that answers each request with the next of its scripted replies, bytes as given,
// and then closes the connection. An empty reply is a cut one.
//
// Threads: its own; requests() when the calls that made them have ended.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::testing {

class ScriptedHttp {
 public:
  struct Reply {
    std::string bytes;
  };

  explicit ScriptedHttp(std::vector<Reply> replies) : replies_(std::move(replies)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 16);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedHttp() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  // The body is as long as Content-Length says, without one there is none.
  static bool is_whole(const std::string& request) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    constexpr std::string_view kLength = "\r\nContent-Length:";
    const std::size_t end = request.find(kEnd);
    if (end == std::string::npos) return false;
    const std::size_t length = request.find(kLength);
    if (length >= end) return true;
    return request.size() - end - kEnd.size() >= std::stoul(request.substr(length + kLength.size()));
  }

  void serve() {
    for (const Reply& reply : replies_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      while (!is_whole(request)) {
        const ssize_t size = ::recv(connection, buffer, sizeof buffer, 0);
        if (size <= 0) break;
        request.append(buffer, static_cast<std::size_t>(size));
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
      }
      (void)!::send(connection, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
      ::shutdown(connection, SHUT_RDWR);
      ::close(connection);
    }
  }

  std::vector<Reply> replies_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace penstock::testing
