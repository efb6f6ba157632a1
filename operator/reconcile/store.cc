#include "operator/reconcile/store.h"

#include "base/assert.h"

namespace penstock::reconcile {

kube::ObjectCache& Store::of(kube::Kind kind) {
  if (kind == kube::kKafkaClusterKind) return clusters;
  if (kind == kube::kKafkaTopicKind) return topics;
  if (kind == kube::kStatefulSetKind) return stateful_sets;
  if (kind == kube::kPodKind) return pods;
  if (kind == kube::kServiceKind) return services;
  if (kind == kube::kConfigMapKind) return config_maps;
  if (kind == kube::kServiceAccountKind) return service_accounts;
  if (kind == kube::kPersistentVolumeClaimKind) return claims;
  BASE_ASSERT(kind == kube::kPodDisruptionBudgetKind, "a kind that the store does not keep");
  return disruption_budgets;
}

}  // namespace penstock::reconcile
