// penstock-operator: runs KafkaCluster and KafkaTopic resources.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include <pthread.h>

#include "base/aio/asio_reactor.h"
#include "base/aio/asio_transport.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/kube/http_client.h"
#include "operator/reconcile/kafka_topic_admin.h"
#include "operator/server/health.h"
#include "operator/server/operator.h"

namespace penstock::server {
namespace {

constexpr base::Logger log("operator");

constexpr const char* kUsage =
    "penstock-operator runs KafkaCluster and KafkaTopic resources.\n"
    "\n"
    "  --kubeconfig FILE   The cluster to work for (default: $KUBECONFIG, the pod's service account,\n"
    "                      ~/.kube/config).\n"
    "  --namespace NS      Only this namespace (default: all).\n"
    "  --image IMAGE       The brokers' image when a KafkaCluster names none (default: $PENSTOCK_IMAGE,\n"
    "                      localhost/penstock:dev).\n"
    "  --health ADDRESS    Where /healthz, /readyz and /metrics are served (default: 127.0.0.1:8081; \"\" "
    "for none).\n"
    "  --log-level LEVEL   debug, info, warn or error (default: info).\n"
    "  --help, --version\n";

struct Arguments {
  std::string kubeconfig;
  std::string health = "127.0.0.1:8081";
  std::string log_level = "info";
  OperatorOptions options;
  bool wants_help = false;
  bool wants_version = false;
};

base::Result<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  const char* image = std::getenv("PENSTOCK_IMAGE");
  arguments.options.default_image = image && *image ? image : "localhost/penstock:dev";
  const std::map<std::string, std::string*> values = {{"--kubeconfig", &arguments.kubeconfig},
                                                      {"--namespace", &arguments.options.ns},
                                                      {"--image", &arguments.options.default_image},
                                                      {"--health", &arguments.health},
                                                      {"--log-level", &arguments.log_level}};
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help") arguments.wants_help = true;
    if (name == "--version") arguments.wants_version = true;
    if (name == "--help" || name == "--version") continue;
    const std::size_t equals = name.find('=');
    const auto found = values.find(name.substr(0, equals));
    if (found == values.end()) return base::fail(base::Errc::kInvalidArgument, "unknown option " + name);
    if (equals != std::string::npos) {
      *found->second = name.substr(equals + 1);
    } else if (++i < argc) {
      *found->second = argv[i];
    } else {
      return base::fail(base::Errc::kInvalidArgument, name + " needs a value");
    }
  }
  return arguments;
}

// Everything that lives on the reactor, in the order it is stopped in.
struct Parts {
  Parts(aio::AsioReactor& reactor, base::Random& random, kube::Credentials credentials,
        OperatorOptions options)
      : transport(reactor),
        client(reactor, random, std::move(credentials)),
        admins(reactor, transport, random),
        app(reactor, random, client, admins, std::move(options)) {}
  aio::AsioTransport transport;
  kube::HttpKubeClient client;
  reconcile::KafkaTopicAdmins admins;
  Operator app;
};

aio::Task<> stop_parts(Parts& parts, aio::AsioReactor& reactor) {
  co_await parts.app.stop_watching();
  co_await parts.client.stop();
  co_await parts.admins.stop();
  co_await parts.app.stop();
  reactor.stop();
}

// What the reactor knows, asked for from the health port's thread. Not live when the reactor does not answer.
std::optional<HealthServer::Reply> ask(aio::Reactor& reactor, Operator& app, const std::string& path) {
  auto answer = std::make_shared<std::promise<HealthServer::Reply>>();
  auto future = answer->get_future();
  reactor.post([answer, &app, path] {
    HealthServer::Reply reply{200, "ok\n"};
    if (path == "/metrics") reply.body = app.metrics();
    if (path == "/readyz" && !app.is_ready()) reply = {503, "waiting for the Kubernetes API\n"};
    answer->set_value(std::move(reply));
  });
  if (future.wait_for(std::chrono::seconds(2)) != std::future_status::ready) return std::nullopt;
  return future.get();
}

HealthServer::Reply handle(aio::Reactor& reactor, Operator& app, const std::string& path) {
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") return {404, "not found\n"};
  return ask(reactor, app, path)
      .value_or(HealthServer::Reply{503, "the operator's reactor does not answer\n"});
}

int run(const Arguments& arguments, const sigset_t& signals) {
  auto credentials = kube::find_credentials(arguments.kubeconfig);
  if (!credentials) {
    log.error("{}; give a kubeconfig with --kubeconfig FILE, or run as a pod", credentials.error().what());
    return 1;
  }
  log.info("API server {}", credentials->server);
  base::SystemClock clock;
  base::SystemRandom random;
  aio::BlockingPool pool(1);
  aio::AsioReactor reactor(clock, pool);
  Parts parts(reactor, random, std::move(*credentials), arguments.options);
  HealthServer health([&](const std::string& path) { return handle(reactor, parts.app, path); });
  if (!arguments.health.empty()) {
    if (const auto started = health.start(arguments.health); !started) {
      log.error("{}; choose another address with --health, or none with --health \"\"",
                started.error().what());
      return 1;
    }
  }
  aio::Gate gate;
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    log.info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    reactor.post([&] { aio::spawn(gate, "stop", stop_parts(parts, reactor)); });
  });
  reactor.post([&] { parts.app.start(); });
  reactor.run();
  waiter.join();
  return 0;
}

}  // namespace
}  // namespace penstock::server

int main(int argc, char** argv) {
  using namespace penstock;
  // Blocked before any thread starts, so that the one that waits gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const auto arguments = server::parse(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "penstock-operator: %s\n\n%s", arguments.error().what().c_str(), server::kUsage);
    return 2;
  }
  if (arguments->wants_help) return std::fputs(server::kUsage, stdout) < 0;
  if (arguments->wants_version) return std::puts("penstock-operator 0.1.0") < 0;
  const auto level = base::parse_log_level(arguments->log_level);
  if (!level) {
    std::fprintf(stderr, "penstock-operator: %s\n", level.error().what().c_str());
    return 2;
  }
  base::set_log_level(*level);
  return server::run(*arguments, signals);
}
