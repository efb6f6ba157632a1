#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "cli/child_process.h"
#include "cli/command.h"
#include "cli/forwards.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "operator/kube/http_client.h"

namespace penstock::cli {

namespace {

using aio::Task;
using base::Errc;
using base::Result;
using kube::HttpKubeClient;

constexpr auto kTick = base::milliseconds(200);
constexpr int kTicksOfRestart = 5;   // After a forward has ended: its pod may be starting again.
constexpr int kTicksOfRefresh = 25;  // Brokers come and go.
constexpr int kNoProgram = 127;

constexpr OptionSpec kOptions[] = {
    {"namespace", "NS", "The cluster's namespace; by default that of the kubeconfig.", 'n'},
    {"kubeconfig", "FILE",
     "Where Kubernetes is [$KUBECONFIG, $PENSTOCK_HOME/kubeconfig, .penstock/kubeconfig]."},
};

struct Request {
  std::string kubeconfig;
  std::string ns;
  std::string cluster;
};

class Forwarder {
 public:
  Forwarder(HttpKubeClient& client, aio::Reactor& reactor, Request request)
      : client_(client), reactor_(reactor), request_(std::move(request)) {}

  Task<Result<>> run() {
    CO_TRY(co_await refresh());
    for (const auto& [port, pod] : wanted_) fmt::print("localhost:{}  {}\n", port, pod);
    fmt::print("Bootstrap from any of them. Ctrl-C ends it.\n");
    std::fflush(stdout);
    for (int tick = 1; !is_interrupted(); ++tick) {
      CO_TRY(keep_up(tick));
      co_await aio::sleep_for(reactor_, kTick);
      // Without an answer it goes on with the brokers that it knows.
      if (tick % kTicksOfRefresh == 0) (void)co_await refresh();
    }
    co_return Result<>();
  }

 private:
  struct Forward {
    std::string pod;
    ChildProcess process;
    int ended_at = 0;  // The tick; 0 while it runs.
  };

  Task<Result<>> refresh() {
    const auto cluster = co_await client_.get(kube::kKafkaClusterKind, request_.ns, request_.cluster);
    if (!cluster) co_return base::fail(cluster.error());
    CO_TRY_ASSIGN(wanted_, forwards_of(*cluster));
    co_return Result<>();
  }

  Result<> keep_up(int tick) {
    std::erase_if(forwards_, [this](const auto& one) { return !wanted_.contains(one.first); });
    for (const auto& [port, pod] : wanted_) {
      const auto found = forwards_.find(port);
      if (found == forwards_.end()) {
        TRY_ASSIGN(auto process, start(port, pod));
        forwards_.emplace(port, Forward{pod, std::move(process)});
        continue;
      }
      Forward& forward = found->second;
      if (forward.process.is_running()) continue;
      if (forward.process.exit_status() == kNoProgram)
        return base::fail(Errc::kNotFound, "kubectl, which carries the connections, is not on the PATH");
      if (forward.ended_at == 0) forward.ended_at = tick;
      if (tick - forward.ended_at < kTicksOfRestart) continue;
      TRY_ASSIGN(forward.process, start(port, pod));
      forward.ended_at = 0;
    }
    return {};
  }

  Result<ChildProcess> start(int port, const std::string& pod) const {
    return ChildProcess::start(kubectl_arguments({request_.kubeconfig, request_.ns, pod, port}));
  }

  HttpKubeClient& client_;
  aio::Reactor& reactor_;
  const Request request_;
  std::map<int, std::string> wanted_;
  std::map<int, Forward> forwards_;
};

Task<int> forward_main(HttpKubeClient& client, aio::Reactor& reactor, Request request) {
  Forwarder forwarder(client, reactor, std::move(request));
  const auto done = co_await forwarder.run();
  if (done) co_return 0;
  fmt::print(stderr, "penstock port-forward: {}\n", done.error().what());
  co_return 1;
}

Result<int> run_port_forward(const Options& options) {
  if (options.positional().size() != 1)
    return base::fail(Errc::kInvalidArgument, "the name of one KafkaCluster is missing");
  auto credentials = credentials_of(options);
  if (!credentials) {
    fmt::print(stderr, "penstock port-forward: {}\n", credentials.error().what());
    return 1;
  }
  Request request{.kubeconfig = options.value_or("kubeconfig", ""),
                  .ns = options.value_or("namespace", credentials->default_namespace),
                  .cluster = options.positional().front()};
  catch_interrupts();
  return run_with_kube(std::move(*credentials),
                       [request = std::move(request)](HttpKubeClient& client, aio::Reactor& reactor) {
                         return forward_main(client, reactor, request);
                       });
}

}  // namespace

extern const Command port_forward_command;
const Command port_forward_command = {
    .name = "port-forward",
    .tool_name = "",
    .summary = "Open a port of localhost for each broker of a cluster.",
    .synopsis = "CLUSTER [-n NAMESPACE]",
    .details =
        "Broker N is at localhost:9092 + N, as it tells clients that come this way. kubectl carries the\n"
        "connections; a forward that ends with its pod is started again. On the local runtime there is no "
        "need\n"
        "of it: brokers have addresses of this machine.",
    .options = kOptions,
    .run = run_port_forward,
};

}  // namespace penstock::cli
