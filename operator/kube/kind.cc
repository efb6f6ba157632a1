#include "operator/kube/kind.h"

#include <array>

namespace penstock::kube {

std::string Kind::api_version() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string Kind::path(std::string_view ns) const {
  std::string path = group.empty() ? "/api/" : "/apis/";
  path += api_version();
  if (!ns.empty()) (path += "/namespaces/") += ns;
  (path += '/') += plural;
  return path;
}

std::string Kind::path(std::string_view ns, std::string_view name, std::string_view subresource) const {
  std::string full = path(ns);
  (full += '/') += name;
  if (!subresource.empty()) (full += '/') += subresource;
  return full;
}

std::span<const Kind> all_kinds() {
  static constexpr std::array kKinds = {kKafkaClusterKind,
                                        kKafkaTopicKind,
                                        kStatefulSetKind,
                                        kPodKind,
                                        kServiceKind,
                                        kConfigMapKind,
                                        kSecretKind,
                                        kServiceAccountKind,
                                        kPersistentVolumeClaimKind,
                                        kPodDisruptionBudgetKind,
                                        kEventKind,
                                        kLeaseKind};
  return kKinds;
}

}  // namespace penstock::kube
