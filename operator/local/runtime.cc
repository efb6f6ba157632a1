#include "operator/local/runtime.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/aio/asio_transport.h"
#include "base/log.h"
#include "operator/local/address_book.h"
#include "operator/local/api.h"
#include "operator/local/housekeeping.h"
#include "operator/local/http_server.h"
#include "operator/local/journal.h"
#include "operator/local/manifest_source.h"
#include "operator/local/pod_runner.h"
#include "operator/local/service_proxy.h"
#include "operator/local/stateful_set.h"
#include "operator/resources/crds.h"

namespace penstock::local {

namespace {

constexpr base::Logger log("local");
constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

std::string kubeconfig_text(std::uint16_t port) {
  return fmt::format(
      "apiVersion: v1\nkind: Config\ncurrent-context: penstock-local\n"
      "clusters:\n- name: penstock-local\n  cluster:\n    server: http://127.0.0.1:{}\n"
      "contexts:\n- name: penstock-local\n  context:\n    cluster: penstock-local\n    user: penstock-local\n"
      "    namespace: default\n"
      "users:\n- name: penstock-local\n  user: {{}}\n",
      port);
}

}  // namespace

struct Runtime::Impl {
  Impl(aio::AsioReactor& the_reactor, const base::Clock& clock, base::Random& random, base::Disk& the_disk,
       RuntimeOptions the_options)
      : reactor(the_reactor),
        disk(the_disk),
        options(std::move(the_options)),
        paths{options.home, options.bin_directory},
        objects(store, kinds, clock, random),
        journal(reactor, disk, store, options.home + "/state"),
        addresses(disk, options.home + "/state/addresses.json"),
        transport(reactor),
        api(objects),
        server(reactor, api, store),
        pods(reactor, transport, disk, objects, addresses, paths),
        proxy(reactor, objects),
        manifests(reactor, objects, options.manifests) {}

  aio::AsioReactor& reactor;
  base::Disk& disk;
  const RuntimeOptions options;
  const HostPaths paths;
  Store store;
  Kinds kinds;
  Objects objects;
  Journal journal;
  AddressBook addresses;
  aio::AsioTransport transport;
  Api api;
  HttpServer server;
  PodRunner pods;
  ServiceProxy proxy;
  ManifestSource manifests;
  int lock = -1;
  std::uint16_t port = 0;
  std::uint64_t subscription = 0;
  std::shared_ptr<bool> is_running = std::make_shared<bool>(false);
  bool is_pass_posted = false;

  base::Result<> take_lock();
  base::Result<> seed();
  base::Result<> serve();
  void on_change(const Change& change);
  void post_pass();
  void pass();
};

Runtime::Runtime(aio::AsioReactor& reactor, const base::Clock& clock, base::Random& random, base::Disk& disk,
                 RuntimeOptions options)
    : impl_(std::make_unique<Impl>(reactor, clock, random, disk, std::move(options))) {}

Runtime::~Runtime() {
  if (impl_->lock >= 0) ::close(impl_->lock);
}

std::uint16_t Runtime::port() const { return impl_->port; }

base::Result<> Runtime::start() {
  Impl& r = *impl_;
  TRY(r.disk.create_directories(r.options.home));
  TRY(r.take_lock());
  TRY(r.journal.open());
  TRY(r.addresses.load());
  TRY(r.seed());
  TRY(r.serve());
  *r.is_running = true;
  r.subscription = r.store.subscribe([&r](const Change& change) { r.on_change(change); });
  r.pods.take_up();
  r.pass();
  if (!r.options.manifests.empty()) r.manifests.start();
  log.info("serving the Kubernetes API on 127.0.0.1:{}; kubeconfig: {}/kubeconfig", r.port, r.options.home);
  return {};
}

aio::Task<> Runtime::stop(bool keeps_processes) {
  Impl& r = *impl_;
  *r.is_running = false;
  if (r.subscription != 0) r.store.unsubscribe(std::exchange(r.subscription, 0));
  if (!r.options.manifests.empty()) co_await r.manifests.stop();
  co_await r.pods.stop(keeps_processes);
  co_await r.proxy.stop();
  co_await r.server.stop();
  co_await r.journal.stop();
}

base::Result<> Runtime::Impl::take_lock() {
  const std::string path = options.home + "/lock";
  lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return base::fail(base::Error::from_errno(errno, "open " + path));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0)
    return base::fail(
        base::Errc::kConflict,
        fmt::format("another penstock-local is running on {}; stop it or use another home", options.home));
  return {};
}

// What every cluster has from the start.
base::Result<> Runtime::Impl::seed() {
  WriteOptions write;
  write.is_forced = true;
  if (!store.get({"namespaces", "", kDefaultNamespace}))
    TRY(objects.apply(*kinds.find_resource("namespaces"), "", kDefaultNamespace, Json::object(), write));
  for (const Json& definition : resources::embedded_crds())
    TRY(objects.apply(*kinds.find_resource(kDefinitions), "", name_of(definition), definition, write));
  kinds.refresh(store.list(kDefinitions, ""));
  return {};
}

base::Result<> Runtime::Impl::serve() {
  const std::string port_file = options.home + "/state/port";
  std::uint16_t before = 0;
  if (const auto bytes = base::read_file(disk, port_file)) {
    const std::string_view text = base::as_text(*bytes);
    std::from_chars(text.data(), text.data() + text.size(), before);
  }
  // The same port as before, so that clients of an earlier run find this one.
  auto listening = server.listen("127.0.0.1", options.port != 0 ? options.port : before);
  if (!listening && options.port == 0 && before != 0) listening = server.listen("127.0.0.1", 0);
  if (!listening) return base::fail(listening.error());
  port = *listening;
  TRY(base::write_file_atomically(disk, port_file, base::as_bytes(std::to_string(port))));
  return base::write_file_atomically(disk, options.home + "/kubeconfig",
                                     base::as_bytes(kubeconfig_text(port)));
}

void Runtime::Impl::on_change(const Change& change) {
  if (change.key.resource == kDefinitions) kinds.refresh(store.list(kDefinitions, ""));
  // Leases change all the time and nothing here depends on them.
  if (change.key.resource == "leases.coordination.k8s.io") return;
  if (change.type != ChangeType::kDeleted &&
      (change.key.resource == "configmaps" || change.key.resource == "secrets"))
    reactor.post([this, running = is_running] {
      if (*running) pods.refresh_files();
    });
  post_pass();
}

void Runtime::Impl::post_pass() {
  if (std::exchange(is_pass_posted, true)) return;
  reactor.post([this, running = is_running] {
    if (!*running) return;
    is_pass_posted = false;
    pass();
  });
}

void Runtime::Impl::pass() {
  collect_garbage(objects);
  reconcile_stateful_sets(objects);
  reconcile_claims(objects, paths);
  trim_events(objects);
  pods.sync();
  proxy.sync();
}

}  // namespace penstock::local
