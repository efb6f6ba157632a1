// The kinds of Kubernetes object that Penstock reads and writes: one row each, and the REST paths they have.
//
// Threads: constants.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace penstock::kube {

struct Kind {
  std::string_view group;  // Empty for the core group.
  std::string_view version;
  std::string_view kind;
  std::string_view plural;

  // "apps/v1", or "v1" in the core group.
  std::string api_version() const;
  // The collection: "/apis/apps/v1/namespaces/NS/statefulsets"; of all namespaces when `ns` is empty.
  std::string path(std::string_view ns) const;
  // One object, or one of its subresources ("status", "scale").
  std::string path(std::string_view ns, std::string_view name, std::string_view subresource = {}) const;

  friend bool operator==(const Kind&, const Kind&) = default;
};

inline constexpr Kind kKafkaClusterKind{"penstock.dev", "v1alpha1", "KafkaCluster", "kafkaclusters"};
inline constexpr Kind kKafkaTopicKind{"penstock.dev", "v1alpha1", "KafkaTopic", "kafkatopics"};
inline constexpr Kind kStatefulSetKind{"apps", "v1", "StatefulSet", "statefulsets"};
inline constexpr Kind kPodKind{"", "v1", "Pod", "pods"};
inline constexpr Kind kServiceKind{"", "v1", "Service", "services"};
inline constexpr Kind kConfigMapKind{"", "v1", "ConfigMap", "configmaps"};
inline constexpr Kind kSecretKind{"", "v1", "Secret", "secrets"};
inline constexpr Kind kServiceAccountKind{"", "v1", "ServiceAccount", "serviceaccounts"};
inline constexpr Kind kPersistentVolumeClaimKind{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"};
inline constexpr Kind kPodDisruptionBudgetKind{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"};
inline constexpr Kind kEventKind{"", "v1", "Event", "events"};
inline constexpr Kind kLeaseKind{"coordination.k8s.io", "v1", "Lease", "leases"};

// All of the above.
std::span<const Kind> all_kinds();

}  // namespace penstock::kube
