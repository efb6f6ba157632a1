#include "operator/server/health.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::server {
namespace {

std::string exchange(std::uint16_t port, const std::string& request) {
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    (void)!::send(connection, request.data(), request.size(), MSG_NOSIGNAL);
    ::shutdown(connection, SHUT_WR);
    char buffer[1024];
    for (ssize_t size = 0; (size = ::recv(connection, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(size));
    }
  }
  ::close(connection);
  return answer;
}

TEST(HealthServer, AnswersAndOutlivesBadRequests) {
  HealthServer server([](const std::string& path) {
    return path == "/healthz" ? HealthServer::Reply{200, "ok\n"} : HealthServer::Reply{404, "not found\n"};
  });
  ASSERT_TRUE(server.start("127.0.0.1:0"));
  for (const char* bad : {"", "\r\n\r\n", "POST /healthz HTTP/1.1\r\n\r\n", "GET"}) {
    EXPECT_EQ(exchange(server.port(), bad), "") << bad;
  }
  EXPECT_EQ(exchange(server.port(), std::string(100'000, 'x')), "");
  const std::string healthy = exchange(server.port(), "GET /healthz?verbose HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(healthy.starts_with("HTTP/1.1 200 OK\r\n")) << healthy;
  EXPECT_TRUE(healthy.ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(exchange(server.port(), "GET /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
}

TEST(HealthServer, NamesAnAddressThatItCannotHave) {
  HealthServer server([](const std::string&) { return HealthServer::Reply{}; });
  EXPECT_EQ(server.start("nowhere").error().code(), base::Errc::kInvalidArgument);
  EXPECT_EQ(server.start("host.example:x").error().code(), base::Errc::kInvalidArgument);
}

}  // namespace
}  // namespace penstock::server
