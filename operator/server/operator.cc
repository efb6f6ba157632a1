#include "operator/server/operator.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/reconcile/pipeline.h"
#include "operator/resources/read_json.h"

namespace penstock::server {
namespace {

using base::Result;
using kube::Json;

constexpr base::Logger log("operator");
constexpr auto kResyncInterval = base::seconds(30);
constexpr auto kSyncPoll = base::milliseconds(20);
constexpr std::string_view kClusterPrefix = "cluster/";
constexpr std::string_view kTopicPrefix = "topic/";

// The cluster that a child object belongs to; empty for objects of others.
std::string cluster_of(const Json& object) {
  const Json labels = object["metadata"].value("labels", Json::object());
  return resources::text_or(labels, resources::kClusterLabel);
}

}  // namespace

Operator::Operator(aio::Reactor& reactor, base::Random& random, kube::KubeClient& client,
                   reconcile::TopicAdmins& admins, OperatorOptions options)
    : reactor_(reactor),
      random_(random),
      client_(client),
      options_(std::move(options)),
      deps_{client, store_, admins, random, {options_.default_image}},
      queue_(reactor, random, [this](std::string key) { return reconcile(std::move(key)); }) {}

void Operator::start() {
  const std::string ours = std::string(resources::kManagedByLabel) + "=" + resources::kManagedByValue;
  add_informer(kube::kKafkaClusterKind, "");
  add_informer(kube::kKafkaTopicKind, "");
  for (const kube::Kind kind :
       {kube::kStatefulSetKind, kube::kPodKind, kube::kServiceKind, kube::kConfigMapKind,
        kube::kServiceAccountKind, kube::kPersistentVolumeClaimKind, kube::kPodDisruptionBudgetKind}) {
    add_informer(kind, ours);
  }
  aio::spawn(gate_, "operator", run());
}

void Operator::add_informer(kube::Kind kind, std::string label_selector) {
  kube::ObjectCache& cache = store_.of(kind);
  cache.set_listener([this, kind](const Json& object, bool) { on_change(kind, object); });
  kube::Selection selection;
  selection.ns = options_.ns;
  selection.label_selector = std::move(label_selector);
  informers_.push_back(
      std::make_unique<kube::Informer>(reactor_, random_, client_, kind, std::move(selection), cache));
  informers_.back()->start();
}

aio::Task<> Operator::stop_watching() {
  stopping_.cancel();
  co_await gate_.close();
  for (auto& informer : informers_) co_await informer->stop();
}

aio::Task<> Operator::stop() { co_await queue_.stop(); }

aio::Task<> Operator::run() {
  const auto is_synced = [](const auto& informer) { return informer->has_synced(); };
  while (!std::all_of(informers_.begin(), informers_.end(), is_synced)) {
    if (!co_await aio::sleep_for(reactor_, kSyncPoll, stopping_.token())) co_return;
  }
  is_started_ = true;
  log.info("watching {}: {} KafkaCluster, {} KafkaTopic",
           options_.ns.empty() ? "all namespaces" : options_.ns, store_.clusters.size(),
           store_.topics.size());
  for (;;) {
    add_everything();
    if (!co_await aio::sleep_for(reactor_, kResyncInterval, stopping_.token())) co_return;
  }
}

void Operator::add_everything() {
  for (const Json* cluster : store_.clusters.all())
    queue_.add(std::string(kClusterPrefix) + kube::object_key(*cluster));
  for (const Json* topic : store_.topics.all())
    queue_.add(std::string(kTopicPrefix) + kube::object_key(*topic));
}

void Operator::on_change(kube::Kind kind, const Json& object) {
  // Before all lists are there, what is missing cannot be told from what is not listed yet.
  if (!is_started_) return;
  const std::string ns = resources::read_meta(object).ns;
  if (kind == kube::kKafkaTopicKind) {
    queue_.add(std::string(kTopicPrefix) + kube::object_key(object));
  } else if (kind == kube::kKafkaClusterKind) {
    add_cluster(ns, resources::read_meta(object).name);
  } else if (const std::string name = cluster_of(object); !name.empty()) {
    if (kind == kube::kPodKind) return add_cluster(ns, name);
    queue_.add(std::string(kClusterPrefix) + ns + "/" + name);
  }
}

// The cluster and its topics, which wait for its brokers.
void Operator::add_cluster(const std::string& ns, const std::string& name) {
  queue_.add(std::string(kClusterPrefix) + ns + "/" + name);
  for (const Json* topic : store_.topics.all()) {
    const Json spec = topic->value("spec", Json::object());
    if (!spec.is_object() || resources::read_meta(*topic).ns != ns) continue;
    if (resources::text_or(spec.value("clusterRef", Json::object()), "name") == name) {
      queue_.add(std::string(kTopicPrefix) + kube::object_key(*topic));
    }
  }
}

aio::Task<Result<reconcile::PassOutcome>> Operator::reconcile(std::string key) {
  const std::size_t slash = key.find('/');
  const std::size_t second = key.find('/', slash + 1);
  std::string ns = key.substr(slash + 1, second - slash - 1);
  std::string name = key.substr(second + 1);
  if (key.starts_with(kClusterPrefix)) {
    co_return co_await reconcile::reconcile_cluster(deps_, std::move(ns), std::move(name),
                                                    reactor_.wall_ms());
  }
  co_return co_await reconcile::reconcile_topic(deps_, std::move(ns), std::move(name), reactor_.wall_ms());
}

std::string Operator::metrics() const {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view type, std::string_view help,
                           std::uint64_t value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, value);
  };
  add("penstock_operator_reconcile_total", "counter", "Passes over a resource.", queue_.passes());
  add("penstock_operator_reconcile_errors_total", "counter", "Passes that failed.", queue_.failures());
  add("penstock_operator_queue_depth", "gauge", "Resources that wait for a pass.", queue_.depth());
  add("penstock_operator_clusters", "gauge", "KafkaCluster resources.", store_.clusters.size());
  add("penstock_operator_topics", "gauge", "KafkaTopic resources.", store_.topics.size());
  return text;
}

}  // namespace penstock::server
