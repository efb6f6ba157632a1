// Drives HttpKubeClient and Informer for the tests that stand a faulty proxy in front of an API server.
//
//   penstock-test-kube [--kubeconfig FILE | --service-account DIR] [--call-timeout-ms N] [--watch-ms N]
//   [--watch-grace-ms N]
//                      [--attempts N] [--page N]
//
// Reads one JSON object a line: {"id": 1, "op": "get", "kind": "ConfigMap", "ns": "a", "name": "b"}; ops are
// get, list, create, apply, patch, remove, inform, cache, requests. Answers {"id": 1, "ok": ...} or
// {"id": 1, "error": "not_found", "what": ...}; an informer's changes are {"informer": ID, "name": ...,
// "version": ..., "gone": true or false}. Ends when its input does.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/aio/asio_reactor.h"
#include "base/log.h"
#include "operator/kube/http_client.h"
#include "operator/kube/informer.h"

namespace {

using namespace penstock;
using kube::Json;

void print(const Json& line) {
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

kube::Kind kind_of(const std::string& name) {
  for (const kube::Kind& kind : kube::all_kinds()) {
    if (kind.kind == name) return kind;
  }
  std::fprintf(stderr, "no kind %s\n", name.c_str());
  std::exit(2);
}

struct Watched {
  kube::ObjectCache cache;
  std::unique_ptr<kube::Informer> informer;
};

struct Tool {
  aio::AsioReactor& reactor;
  base::Random& random;
  kube::HttpKubeClient& client;
  std::map<int, Watched> watched{};
  aio::Gate gate{};

  aio::Task<base::Result<Json>> call(Json command);
  aio::Task<> run(Json command);
  aio::Task<> stop();
  Json inform(const Json& command);
  Json cache_of(int id);
};

Json Tool::inform(const Json& command) {
  const int id = command["id"];
  Watched& watch = watched[id];
  watch.cache.set_listener([id](const Json& object, bool is_gone) {
    print({{"informer", id},
           {"name", object["metadata"]["name"]},
           {"version", object["metadata"]["resourceVersion"]},
           {"gone", is_gone}});
  });
  kube::Selection selection{command.value("ns", ""), command.value("labels", "")};
  watch.informer = std::make_unique<kube::Informer>(reactor, random, client, kind_of(command["kind"]),
                                                    std::move(selection), watch.cache);
  watch.informer->start();
  return true;
}

Json Tool::cache_of(int id) {
  Watched& watch = watched[id];
  Json objects = Json::object();
  for (const Json* object : watch.cache.all())
    objects[kube::object_key(*object)] = (*object)["metadata"]["resourceVersion"];
  return {{"synced", watch.informer->has_synced()},
          {"served", watch.informer->is_served()},
          {"problem", watch.informer->problem()},
          {"objects", objects}};
}

aio::Task<base::Result<Json>> Tool::call(Json command) {
  const std::string op = command["op"];
  if (op == "inform") co_return inform(command);
  if (op == "cache") co_return cache_of(command["informer"]);
  if (op == "requests") {
    Json counts = Json::object();
    for (const auto& [key, count] : client.requests())
      counts[key.first + " " + std::to_string(key.second)] = count;
    co_return counts;
  }
  const kube::Kind kind = kind_of(command["kind"]);
  const std::string ns = command.value("ns", "");
  const std::string name = command.value("name", "");
  if (op == "get") co_return co_await client.get(kind, ns, name);
  if (op == "list") co_return co_await client.list(kind, kube::Selection{ns, command.value("labels", "")});
  if (op == "create") co_return co_await client.create(kind, command["object"]);
  if (op == "apply") co_return co_await client.apply(kind, command["object"], {});
  if (op == "patch")
    co_return co_await client.merge_patch(kind, ns, name, command["patch"], command.value("sub", ""));
  if (op == "remove") {
    CO_TRY(co_await client.remove(kind, ns, name, {}));
    co_return Json(true);
  }
  co_return base::fail(base::Errc::kInvalidArgument, "no op " + op);
}

aio::Task<> Tool::run(Json command) {
  const auto done = co_await call(command);
  if (done) {
    print({{"id", command["id"]}, {"ok", *done}});
  } else {
    print({{"id", command["id"]},
           {"error", base::errc_name(done.error().code())},
           {"what", done.error().what()}});
  }
}

aio::Task<> Tool::stop() {
  for (auto& [id, watch] : watched) co_await watch.informer->stop();
  co_await client.stop();
  co_await gate.close();
  reactor.stop();
}

}  // namespace

int main(int argc, char** argv) {
  base::set_log_level(base::LogLevel::kDebug);
  std::string kubeconfig;
  std::string service_account;
  kube::HttpClientOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--kubeconfig") kubeconfig = value;
    if (name == "--service-account") service_account = value;
    if (name == "--call-timeout-ms") options.call_timeout = base::milliseconds(std::stoi(value));
    if (name == "--watch-ms") options.watch_duration = base::milliseconds(std::stoi(value));
    if (name == "--watch-grace-ms") options.watch_grace = base::milliseconds(std::stoi(value));
    if (name == "--attempts") options.attempts_max = std::stoi(value);
    if (name == "--page") options.page_items = std::stoi(value);
  }
  auto credentials = service_account.empty() ? kube::find_credentials(kubeconfig)
                                             : kube::in_cluster_credentials(service_account);
  if (!credentials) {
    std::fprintf(stderr, "%s\n", credentials.error().what().c_str());
    return 1;
  }
  base::SystemClock clock;
  base::SystemRandom random;
  aio::BlockingPool pool(1);
  aio::AsioReactor reactor(clock, pool);
  kube::HttpKubeClient client(reactor, random, std::move(*credentials), options);
  Tool tool{reactor, random, client};
  aio::Gate last;
  std::thread reader([&] {
    for (std::string line; std::getline(std::cin, line);) {
      reactor.post([&tool, command = Json::parse(line)]() mutable {
        aio::spawn(tool.gate, "command", tool.run(std::move(command)));
      });
    }
    reactor.post([&] { aio::spawn(last, "stop", tool.stop()); });
  });
  reactor.run();
  reader.join();
  return 0;
}
