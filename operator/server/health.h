// The operator's own small HTTP port: GET /healthz, /readyz, /metrics, one request for each connection.
//
// Threads: a thread of its own; the callbacks run on it.
// Lifetime: the destructor stops it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "base/error.h"

namespace penstock::server {

class HealthServer {
 public:
  struct Reply {
    int status = 200;
    std::string body;
  };
  // Answers a path; 404 is its own to give.
  using Handler = std::function<Reply(const std::string& path)>;

  explicit HealthServer(Handler handler) : handler_(std::move(handler)) {}
  ~HealthServer();

  // `address`: "127.0.0.1:8080", "[::]:8080" or ":8080" (every address). Port 0 takes a free one.
  // ERRORS: kInvalidArgument, kIo naming the address.
  base::Result<> start(const std::string& address);
  std::uint16_t port() const { return port_; }

 private:
  void serve();
  void answer(int connection) const;

  Handler handler_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace penstock::server
