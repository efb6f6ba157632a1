#include "cli/session.h"

#include <unistd.h>

#include <cstdlib>

#include "base/aio/asio_reactor.h"
#include "base/aio/asio_transport.h"
#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "base/clock.h"
#include "base/random.h"
#include "operator/kube/http_client.h"

namespace penstock::cli {

using aio::Task;

namespace {

// The reactor of a command, and what it takes to run one task on it.
struct Loop {
  base::SystemClock clock;
  base::SystemRandom random;
  aio::BlockingPool pool{1};
  aio::AsioReactor reactor{clock, pool};
  aio::Gate gate;
  int status = 1;

  void run(Task<> task) {
    aio::spawn(gate, "command", std::move(task));
    reactor.run();
  }
};

Task<> admin_main(Loop& loop, kafka::AdminClient& admin, const AdminTask& task) {
  // Not before the reactor runs: what is awaited may resume only there.
  co_await aio::yield(loop.reactor);
  loop.status = co_await task(admin);
  co_await admin.stop();
  loop.reactor.post([&loop] { loop.reactor.stop(); });
}

Task<> kube_main(Loop& loop, kube::HttpKubeClient& client, const KubeTask& task) {
  co_await aio::yield(loop.reactor);
  loop.status = co_await task(client, loop.reactor);
  co_await client.stop();
  loop.reactor.post([&loop] { loop.reactor.stop(); });
}

}  // namespace

int run_with_admin(kafka::AdminClientOptions options, const AdminTask& task) {
  Loop loop;
  aio::AsioTransport transport(loop.reactor);
  kafka::AdminClient admin(loop.reactor, transport, loop.random, std::move(options));
  loop.run(admin_main(loop, admin, task));
  return loop.status;
}

int run_with_kube(kube::Credentials credentials, const KubeTask& task) {
  Loop loop;
  kube::HttpKubeClient client(loop.reactor, loop.random, std::move(credentials));
  loop.run(kube_main(loop, client, task));
  return loop.status;
}

base::Result<kube::Credentials> credentials_of(const Options& options) {
  if (const auto file = options.value("kubeconfig")) return kube::load_kubeconfig(*file);
  if (const char* file = std::getenv("KUBECONFIG"); file != nullptr && *file != '\0')
    return kube::find_credentials("");
  std::string local = ".penstock/kubeconfig";
  if (const char* home = std::getenv("PENSTOCK_HOME"); home != nullptr && *home != '\0') {
    local = std::string(home) + "/kubeconfig";
  }
  if (::access(local.c_str(), R_OK) == 0) return kube::load_kubeconfig(local);
  auto found = kube::find_credentials("");
  if (found) return found;
  return base::fail(base::Errc::kNotFound,
                    "no Kubernetes: neither --kubeconfig nor $KUBECONFIG is given, and " + local +
                        " is not there (penstock-local writes it); " + found.error().what());
}

}  // namespace penstock::cli
