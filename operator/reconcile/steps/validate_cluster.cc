#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster_context.h"
#include "operator/resources/quantity.h"

namespace penstock::reconcile {
namespace {

// What a StatefulSet's claims ask for; null when there is none yet.
Json live_claim_spec(const ClusterContext& context) {
  const Json& live = context.live_set();
  if (!live.is_object() || !live["spec"].contains("volumeClaimTemplates")) return nullptr;
  const Json& templates = live["spec"]["volumeClaimTemplates"];
  return templates.empty() ? Json() : templates[0].value("spec", Json());
}

// The rules that compare with the past: an API server that knows our CEL has checked them, others have not.
std::string compare_with_running(const ClusterContext& context) {
  const Json claim = live_claim_spec(context);
  if (!claim.is_object()) return {};
  const std::string live_size = claim["resources"]["requests"].value("storage", "0");
  const auto& storage = context.cluster.storage;
  if (resources::parse_quantity(storage.size).value_or(0) <
      resources::parse_quantity(live_size).value_or(0)) {
    return "spec.storage.size: a volume cannot shrink; it has " + live_size + ", keep it or raise it";
  }
  // A class that was not named may have been filled in by the server.
  if (storage.storage_class_name && claim.value("storageClassName", "") != *storage.storage_class_name) {
    return "spec.storage.storageClassName: the storage class cannot be changed after creation";
  }
  return {};
}

// The brokers that the volumes were made for, when a cluster is made again over volumes that it left.
std::int32_t brokers_of_volumes(const ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  if (context.live_set().is_object()) return 0;
  std::int32_t brokers = 0;
  for (const Json* claim :
       context.deps.store.claims.with_label(meta.ns, resources::kClusterLabel, meta.name)) {
    const std::string name = resources::read_meta(*claim).name;
    std::int32_t ordinal = -1;
    std::from_chars(name.data() + name.rfind('-') + 1, name.data() + name.size(), ordinal);
    brokers = std::max(brokers, ordinal + 1);
  }
  return brokers;
}

// A quorum of three does not decide with one of them.
std::string compare_with_volumes(const ClusterContext& context) {
  const std::int32_t brokers = brokers_of_volumes(context);
  if (context.cluster.replicas >= 3 || brokers < 3) return {};
  return "spec.replicas: the volumes that are here are those of " + std::to_string(brokers) +
         " brokers with a metadata quorum of three; set it to 3 or more, or delete them";
}

}  // namespace

StepResult validate_cluster(ClusterContext& context) {
  context.cluster.meta = resources::read_meta(*context.object);
  auto parsed = resources::KafkaCluster::parse(*context.object);
  if (!parsed) {
    context.blocked_reason = "InvalidSpec";
    context.blocked_message = parsed.error().what();
    co_return StepOutcome::stop();
  }
  context.cluster = std::move(*parsed);
  if (context.cluster.image.empty()) context.cluster.image = context.deps.options.default_image;
  std::string wrong = compare_with_running(context);
  if (wrong.empty()) wrong = compare_with_volumes(context);
  if (!wrong.empty()) {
    context.blocked_reason = "InvalidSpec";
    context.blocked_message = std::move(wrong);
    co_return StepOutcome::stop();
  }
  context.replicas_wanted = context.cluster.replicas;
  context.is_spec_valid = true;
  context.is_suspended = context.cluster.is_suspended;
  co_return context.is_suspended ? StepOutcome::stop() : StepOutcome::go_on();
}

}  // namespace penstock::reconcile
