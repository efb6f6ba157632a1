// Runs a LeaderElection against the API server.
//
// Calls back once when this process begins to lead and once when it is deposed: after that nothing may be
// written any more, so the process ends. Its client is one of its own, whose calls time out before the renew
// deadline does and which retries nothing by itself. Threads: one reactor. Lifetime: stop() before
// destruction; it gives the lease back if it leads, so that another replica need not wait until it expires.
#pragma once

#include <functional>
#include <string>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/kube/http_client.h"
#include "operator/kube/leader_election.h"

namespace penstock::kube {

struct LeaseName {
  std::string ns;
  std::string name;
};

class LeaderElector {
 public:
  using Callback = std::function<void()>;

  LeaderElector(aio::Reactor& reactor, base::Random& random, KubeClient& client, LeaseName lease,
                ElectionOptions options);

  void start(Callback on_leading, Callback on_deposed);
  aio::Task<> stop();

  bool is_leader() const { return election_.is_leader(reactor_.now()); }
  const std::string& holder() const { return election_.holder(); }

  // What the client of an election is to be made with.
  static HttpClientOptions client_options(const ElectionOptions& options);

 private:
  aio::Task<> run();
  // One attempt to get or keep the lease.
  aio::Task<> attempt();
  aio::Task<base::Result<Json>> write(LeaseRecord record);
  // Tells what has changed, and sets the alarm for the moment at which nothing was renewed.
  void tell();

  aio::Reactor& reactor_;
  base::Random& random_;
  KubeClient& client_;
  const LeaseName lease_;
  const ElectionOptions options_;
  LeaderElection election_;
  Callback on_leading_;
  Callback on_deposed_;
  bool was_leading_told_ = false;
  bool was_deposed_told_ = false;
  std::string last_holder_;
  std::string problem_;
  aio::TimerId alarm_ = aio::TimerId::kNone;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::kube
