#include "operator/server/operator.h"

#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/reconcile/pipeline.h"
#include "operator/resources/read_json.h"

namespace penstock::server {
namespace {

using base::Result;
using kube::Json;
using resources::child_of;
using resources::text_or;

constexpr base::Logger log("operator");
constexpr auto kResyncInterval = base::seconds(30);
constexpr auto kSyncPoll = base::milliseconds(20);
constexpr std::string_view kClusterPrefix = "cluster/";
constexpr std::string_view kTopicPrefix = "topic/";

// The cluster that a child object belongs to; empty for objects of others.
std::string cluster_of(const Json& object) {
  return text_or(child_of(child_of(object, "metadata"), "labels"), resources::kClusterLabel);
}

}  // namespace

Operator::Operator(aio::Reactor& reactor, base::Random& random, kube::KubeClient& client,
                   reconcile::TopicAdmins& admins, reconcile::BrokerAdmin& brokers, OperatorOptions options)
    : reactor_(reactor),
      random_(random),
      client_(client),
      options_(std::move(options)),
      deps_{client, store_, admins, brokers, processes_, random, {options_.default_image}},
      queue_(reactor, random, [this](std::string key) { return reconcile(std::move(key)); }) {}

void Operator::start() {
  const std::string ours = std::string(resources::kManagedByLabel) + "=" + resources::kManagedByValue;
  add_informers(kube::kKafkaClusterKind, "");
  add_informers(kube::kKafkaTopicKind, "");
  for (const kube::Kind kind :
       {kube::kStatefulSetKind, kube::kPodKind, kube::kServiceKind, kube::kConfigMapKind,
        kube::kServiceAccountKind, kube::kPersistentVolumeClaimKind, kube::kPodDisruptionBudgetKind}) {
    add_informers(kind, ours);
  }
  aio::spawn(gate_, "operator", run());
}

void Operator::add_informers(kube::Kind kind, const std::string& label_selector) {
  kube::ObjectCache& cache = store_.of(kind);
  cache.set_listener([this, kind](const Json& object, bool) { on_change(kind, object); });
  const std::vector<std::string> all = {""};
  for (const std::string& ns : options_.namespaces.empty() ? all : options_.namespaces) {
    informers_.push_back(std::make_unique<kube::Informer>(reactor_, random_, client_, kind,
                                                          kube::Selection{ns, label_selector}, cache));
    informers_.back()->start();
  }
}

aio::Task<> Operator::stop_watching() {
  stopping_.cancel();
  co_await gate_.close();
  for (auto& informer : informers_) co_await informer->stop();
}

aio::Task<> Operator::stop() { co_await queue_.stop(); }

aio::Task<> Operator::run() {
  const auto has_synced = [](const auto& informer) { return informer->has_synced(); };
  while (!std::all_of(informers_.begin(), informers_.end(), has_synced)) {
    if (!co_await aio::sleep_for(reactor_, kSyncPoll, stopping_.token())) co_return;
  }
  is_synced_ = true;
  log.info("watching {}: {} KafkaCluster, {} KafkaTopic",
           options_.namespaces.empty() ? "all namespaces"
                                       : fmt::format("{}", fmt::join(options_.namespaces, ", ")),
           store_.clusters.size(), store_.topics.size());
  work_if_ready();
}

void Operator::lead() {
  is_leading_ = true;
  work_if_ready();
}

void Operator::work_if_ready() {
  if (!is_synced_ || !is_leading_ || is_working_) return;
  is_working_ = true;
  aio::spawn(gate_, "resync", resync());
}

aio::Task<> Operator::resync() {
  do {
    add_everything();
  } while (co_await aio::sleep_for(reactor_, kResyncInterval, stopping_.token()));
}

std::string Operator::why_not_ready() const {
  std::string why;
  for (const auto& informer : informers_) {
    if (informer->has_synced() && informer->problem().empty()) continue;
    why += fmt::format("{}: {}\n", informer->kind().path(informer->selection().ns),
                       informer->problem().empty() ? "not listed yet" : informer->problem());
  }
  return why;
}

void Operator::add_everything() {
  for (const Json* cluster : store_.clusters.all())
    queue_.add(std::string(kClusterPrefix) + kube::object_key(*cluster));
  for (const Json* topic : store_.topics.all())
    queue_.add(std::string(kTopicPrefix) + kube::object_key(*topic));
}

void Operator::on_change(kube::Kind kind, const Json& object) {
  // Before all lists are there, what is missing cannot be told from what is not listed yet.
  if (!is_working_) return;
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
    if (text_or(child_of(*topic, "metadata"), "namespace") != ns) continue;
    if (text_or(child_of(child_of(*topic, "spec"), "clusterRef"), "name") == name)
      queue_.add(std::string(kTopicPrefix) + kube::object_key(*topic));
  }
}

aio::Task<Result<reconcile::PassOutcome>> Operator::reconcile(std::string key) {
  const std::size_t slash = key.find('/');
  const std::size_t second = key.find('/', slash + 1);
  std::string ns = key.substr(slash + 1, second - slash - 1);
  std::string name = key.substr(second + 1);
  const bool is_cluster = key.starts_with(kClusterPrefix);
  const std::int64_t now = reactor_.wall_ms();
  auto outcome = is_cluster
                     ? co_await reconcile::reconcile_cluster(deps_, std::move(ns), std::move(name), now)
                     : co_await reconcile::reconcile_topic(deps_, std::move(ns), std::move(name), now);
  PassCounts& counts = is_cluster ? cluster_passes_ : topic_passes_;
  if (!outcome) {
    ++counts.errors;
    co_return outcome;
  }
  ++(outcome->requeue_after > base::Duration::zero() ? counts.requeues : counts.successes);
  counts.last_success_ms = reactor_.wall_ms();
  co_return outcome;
}

void Operator::add_metrics(MetricsText& text) const {
  text.family("controller_runtime_reconcile_total", "counter", "Passes over a resource, by how they ended.");
  for (const PassCounts* counts : {&cluster_passes_, &topic_passes_}) {
    text.sample({{"controller", counts->controller}, {"result", "success"}}, counts->successes);
    text.sample({{"controller", counts->controller}, {"result", "requeue_after"}}, counts->requeues);
    text.sample({{"controller", counts->controller}, {"result", "error"}}, counts->errors);
  }
  text.family("controller_runtime_reconcile_errors_total", "counter", "Passes over a resource that failed.");
  for (const PassCounts* counts : {&cluster_passes_, &topic_passes_})
    text.sample({{"controller", counts->controller}}, counts->errors);
  text.family("penstock_operator_last_success_timestamp_seconds", "gauge",
              "When a pass went well last, in seconds since 1970; 0 for never.");
  for (const PassCounts* counts : {&cluster_passes_, &topic_passes_})
    text.sample({{"controller", counts->controller}}, counts->last_success_ms / 1000);
  text.family("workqueue_depth", "gauge", "Resources that wait for a pass.");
  text.sample({{"name", "penstock"}}, queue_.depth());
  text.family("penstock_operator_resources", "gauge", "Resources that are watched, by kind.");
  text.sample({{"kind", "KafkaCluster"}}, store_.clusters.size());
  text.sample({{"kind", "KafkaTopic"}}, store_.topics.size());
}

}  // namespace penstock::server
