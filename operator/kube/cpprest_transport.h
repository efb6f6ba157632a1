// The one door to cpprestsdk: HTTP exchanges with the API server, with none of the library in this header.
//
// Plain C++20, since the .cc is compiled as such.
// Threads: send() from any; the callbacks run on the library's two threads, one at a time for each exchange.
// Lifetime: may be destroyed when every exchange has called on_done.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace penstock::kube {

struct TransportOptions {
  std::string server;
  std::string ca_pem;  // When set, nothing else is trusted.
  std::string client_certificate;
  std::string client_key;
  bool skip_tls_verify = false;
  int call_timeout_s = 30;
  int stream_timeout_s = 90;  // Longer than a watch is asked to last.
};

struct HttpCall {
  std::string method;
  std::string target;  // Path and query.
  std::string content_type;
  std::string body;
  std::string authorization;
};

struct HttpReply {
  int status = 0;  // 0: no whole reply came; `error` says why.
  std::string body;
  std::string error;
  bool is_timed_out = false;
  int retry_after_s = -1;
};

class CppRestTransport {
 public:
  using OnChunk = std::function<void(std::string chunk)>;
  using OnDone = std::function<void(HttpReply reply)>;
  using Cancel = std::function<void()>;

  static constexpr std::size_t kBodyBytesMax = 64 << 20;

  explicit CppRestTransport(const TransportOptions& options);
  ~CppRestTransport();

  // Without `on_chunk` the body arrives whole in the reply. With it, the body of a 2xx goes to `on_chunk` as
  // it comes. `on_done` is called exactly once, last.
  Cancel send(HttpCall call, OnChunk on_chunk, OnDone on_done);

  // Forgets the connections that are kept alive: after a server's restart all of them are dead, and each
  // would cost a call. New ones trust `ca_pem`. Exchanges under way keep theirs. REQUIRES: not during send().
  void drop_connections(const std::string& ca_pem);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::kube
