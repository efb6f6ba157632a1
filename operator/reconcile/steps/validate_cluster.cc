#include <nlohmann/json.hpp>

#include "operator/reconcile/cluster_context.h"
#include "operator/resources/quantity.h"

namespace penstock::reconcile {
namespace {

// What a StatefulSet's claims ask for; null when there is none yet.
Json live_claim_spec(const ClusterContext& context) {
  const Json& live =
      context.deps.store.stateful_sets.find(context.cluster.meta.ns, context.cluster.meta.name);
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
  if (std::string wrong = compare_with_running(context); !wrong.empty()) {
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
