// KubeClient over HTTP(S): retries with jittered back-off, pages, watches that notice silence.
//
// A call that fails by a cut connection, 429 or 5xx is retried up to `attempts_max` times, after Retry-After
// when the server names one (at most kRetryAfterMax). Writes are safe to repeat: apply and merge patch are
// idempotent, and a create that meets its own success reports kAlreadyExists. No call lasts longer than
// `call_timeout`, however slowly its answer trickles; no watch longer than it was asked to and a grace.
// Threads: one reactor; the HTTP library's own two threads only move bytes. Lifetime: stop() before
// destruction; it cancels what is under way and waits for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/kube/kubeconfig.h"

namespace penstock::kube {

class CppRestTransport;
struct HttpReply;
struct HttpCall;

struct HttpClientOptions {
  base::Duration call_timeout = base::seconds(30);
  int attempts_max = 5;
  int page_items = 500;
  // Watches are short, so that one that has silently died is noticed: the server ends it, or our timer does.
  base::Duration watch_duration = base::seconds(55);
  base::Duration watch_grace = base::seconds(10);
  // Asked before each attempt at a write; writes are kUnavailable when it says no. Unset: always.
  std::function<bool()> may_write;
};

class HttpKubeClient final : public KubeClient {
 public:
  static constexpr base::Duration kRetryAfterMax = base::seconds(30);

  HttpKubeClient(aio::Reactor& reactor, base::Random& random, Credentials credentials,
                 HttpClientOptions options = {});
  ~HttpKubeClient() override;
  aio::Task<> stop();

  aio::Task<base::Result<Json>> get(Kind kind, std::string ns, std::string name) override;
  aio::Task<base::Result<Json>> list(Kind kind, Selection selection) override;
  aio::Task<base::Result<>> watch(Kind kind, Selection selection, std::string resource_version,
                                  WatchCallback callback, aio::CancelToken cancel) override;
  aio::Task<base::Result<Json>> create(Kind kind, Json object) override;
  aio::Task<base::Result<Json>> apply(Kind kind, Json object, ApplyOptions options) override;
  aio::Task<base::Result<Json>> merge_patch(Kind kind, std::string ns, std::string name, Json patch,
                                            std::string subresource) override;
  aio::Task<base::Result<>> remove(Kind kind, std::string ns, std::string name,
                                   DeleteOptions options) override;

  const Credentials& credentials() const { return credentials_; }
  // How many requests of each method ended with each status; 0 is none.
  const std::map<std::pair<std::string, int>, std::uint64_t>& requests() const { return requests_; }

 private:
  aio::Task<base::Result<Json>> call_json(HttpCall call);
  aio::Task<base::Result<HttpReply>> send(HttpCall call);
  aio::Task<HttpReply> send_once(HttpCall call);
  void authorize(HttpCall& call);
  void reset_connections();
  base::Duration retry_delay(const HttpReply& reply, int attempt);

  aio::Reactor& reactor_;
  base::Random& random_;
  Credentials credentials_;
  const HttpClientOptions options_;
  std::shared_ptr<CppRestTransport> transport_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::kube
