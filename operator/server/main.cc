// penstock-operator: runs KafkaCluster and KafkaTopic resources.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "base/aio/asio_reactor.h"
#include "base/aio/asio_transport.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "base/uuid.h"
#include "operator/kube/http_client.h"
#include "operator/kube/leader_elector.h"
#include "operator/reconcile/http_broker_admin.h"
#include "operator/reconcile/kafka_topic_admin.h"
#include "operator/server/health.h"
#include "operator/server/operator.h"
#include "operator/server/options.h"

namespace penstock::server {
namespace {

constexpr base::Logger log("operator");

// Objects come as JSON on one thread and go on another. With an arena for each thread, what a busy time has
// freed stays scattered over them.
constexpr int kArenasMax = 1;
constexpr int kKeptBytesMax = 1 << 20;

// The lease, and a client of its own: its calls must not wait behind others, nor longer than the lease holds.
struct Election {
  Election(aio::AsioReactor& reactor, base::Random& random, const kube::Credentials& credentials,
           const Arguments& arguments, const kube::ElectionOptions& options)
      : client(reactor, random, credentials, kube::LeaderElector::client_options(options)),
        elector(
            reactor, random, client,
            {arguments.lease_namespace.empty() ? credentials.default_namespace : arguments.lease_namespace,
             arguments.lease_name},
            options) {}
  kube::HttpKubeClient client;
  kube::LeaderElector elector;
};

// Everything that lives on the reactor, in the order it is stopped in.
struct Parts {
  Parts(aio::AsioReactor& reactor, base::Random& random, const kube::Credentials& credentials,
        const Arguments& arguments)
      : transport(reactor),
        election(arguments.leader_elect ? std::make_unique<Election>(reactor, random, credentials, arguments,
                                                                     election_options(random))
                                        : nullptr),
        client(reactor, random, credentials, client_options()),
        admins(reactor, transport, random),
        brokers(reactor, transport, resources::kAdminPort),
        app(reactor, random, client, admins, brokers, arguments.options) {}

  void start() {
    app.start();
    if (!election) return app.lead();
    election->elector.start([this] { app.lead(); }, on_deposed);
  }

  static kube::ElectionOptions election_options(base::Random& random) {
    char host[256] = {};
    (void)::gethostname(host, sizeof host - 1);
    kube::ElectionOptions options;
    options.identity = std::string(host) + "_" + base::Uuid::random(random).to_string();
    return options;
  }
  kube::HttpClientOptions client_options() {
    kube::HttpClientOptions options;
    if (election) options.may_write = [this] { return election->elector.is_leader(); };
    return options;
  }
  // Nothing may be written any more, and to be killed at any moment is what everything here is made for.
  static void on_deposed() {
    log.error("the lease could not be renewed in time, so another may lead: ending");
    std::_Exit(1);
  }

  aio::AsioTransport transport;
  std::unique_ptr<Election> election;
  kube::HttpKubeClient client;
  reconcile::KafkaTopicAdmins admins;
  reconcile::HttpBrokerAdmin brokers;
  Operator app;
};

aio::Task<> stop_parts(Parts& parts, aio::AsioReactor& reactor) {
  co_await parts.app.stop_watching();
  co_await parts.client.stop();
  co_await parts.admins.stop();
  co_await parts.app.stop();
  // Last, when nothing is written any more.
  if (parts.election) {
    co_await parts.election->elector.stop();
    co_await parts.election->client.stop();
  }
  reactor.stop();
}

std::string metrics_of(const Parts& parts) {
  MetricsText text;
  parts.app.add_metrics(text);
  text.family("leader_election_master_status", "gauge", "1 while this process leads.");
  text.sample({{"name", "penstock-operator"}},
              !parts.election || parts.election->elector.is_leader() ? 1 : 0);
  text.family("rest_client_requests_total", "counter",
              "Calls of the Kubernetes API, by status; 0 for those without a whole answer.");
  for (const auto& [key, count] : parts.client.requests())
    text.sample({{"method", key.first}, {"code", std::to_string(key.second)}}, count);
  return text.take();
}

// What the reactor knows, asked for from the health port's thread. Not live when the reactor does not answer.
std::optional<HealthServer::Reply> ask(aio::Reactor& reactor, const Parts& parts, const std::string& path) {
  auto answer = std::make_shared<std::promise<HealthServer::Reply>>();
  auto future = answer->get_future();
  reactor.post([answer, &parts, path] {
    HealthServer::Reply reply{200, "ok\n"};
    if (path == "/metrics") reply.body = metrics_of(parts);
    if (path == "/readyz" && !parts.app.is_ready())
      reply = {503, "waiting for the Kubernetes API\n" + parts.app.why_not_ready()};
    answer->set_value(std::move(reply));
  });
  if (future.wait_for(std::chrono::seconds(2)) != std::future_status::ready) return std::nullopt;
  return future.get();
}

HealthServer::Reply handle(aio::Reactor& reactor, const Parts& parts, const std::string& path) {
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") return {404, "not found\n"};
  return ask(reactor, parts, path)
      .value_or(HealthServer::Reply{503, "the operator's reactor does not answer\n"});
}

int run(const Arguments& arguments, const sigset_t& signals) {
  auto credentials = kube::find_credentials(arguments.kubeconfig);
  if (!credentials) {
    log.error("{}; give a kubeconfig with --kubeconfig FILE, or run as a pod", credentials.error().what());
    return 1;
  }
  log.info("API server {}", credentials->server);
  if (credentials->skip_tls_verify)
    log.warn("the API server's certificate is not checked (insecure-skip-tls-verify)");
  base::SystemClock clock;
  base::SystemRandom random;
  aio::BlockingPool pool(1);
  aio::AsioReactor reactor(clock, pool);
  Parts parts(reactor, random, *credentials, arguments);
  HealthServer health([&](const std::string& path) { return handle(reactor, parts, path); });
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
  reactor.post([&] { parts.start(); });
  reactor.run();
  waiter.join();
  return 0;
}

}  // namespace
}  // namespace penstock::server

int main(int argc, char** argv) {
  using namespace penstock;
  mallopt(M_ARENA_MAX, server::kArenasMax);
  mallopt(M_TRIM_THRESHOLD, server::kKeptBytesMax);
  // Blocked before any thread starts, so that the one that waits gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const auto arguments = server::parse_arguments({argv + 1, argv + argc}, environment);
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
