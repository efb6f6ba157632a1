// KubeClient over HTTP(S): retries with jittered back-off, pages, watches that notice silence.
//
// A call that fails by a cut connection, 429 or 5xx is retried up to kAttemptsMax times, after Retry-After
// when the server names one. Writes are safe to repeat: apply and merge patch are idempotent, and a create
// that meets its own success reports kAlreadyExists. Threads: one reactor; the HTTP library's own two threads
// only move bytes. Lifetime: stop() before destruction; it cancels what is under way and waits for it.
#pragma once

#include <memory>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/kube/kubeconfig.h"

namespace penstock::kube {

class CppRestTransport;
struct HttpReply;
struct HttpCall;

class HttpKubeClient final : public KubeClient {
 public:
  HttpKubeClient(aio::Reactor& reactor, base::Random& random, Credentials credentials);
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

 private:
  aio::Task<base::Result<Json>> call_json(HttpCall call);
  aio::Task<base::Result<HttpReply>> send(HttpCall call);
  void authorize(HttpCall& call) const;

  aio::Reactor& reactor_;
  base::Random& random_;
  Credentials credentials_;
  std::shared_ptr<CppRestTransport> transport_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::kube
