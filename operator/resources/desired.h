// The objects that a KafkaCluster stands on, as they should be. Pure: same cluster, identity and options,
// same JSON.
//
// Every object carries our labels, an owner reference, and an annotation with the hash of what we asked for,
// so that a field that we no longer set is noticed too. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/resources/kafka_cluster.h"

namespace penstock::resources {

inline constexpr const char* kClusterLabel = "penstock.dev/cluster";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kManagedByValue = "penstock-operator";
inline constexpr const char* kComponentLabel = "app.kubernetes.io/component";
inline constexpr const char* kVersionLabel = "app.kubernetes.io/version";
inline constexpr const char* kHashAnnotation = "penstock.dev/desired-hash";
inline constexpr const char* kPodRevisionAnnotation = "penstock.dev/pod-revision";
inline constexpr const char* kClusterIdAnnotation = "penstock.dev/cluster-id";
inline constexpr const char* kNodeIdBaseAnnotation = "penstock.dev/node-id-base";
inline constexpr const char* kDirectoryIdsAnnotation = "penstock.dev/directory-ids";

inline constexpr int kClientPort = 9092;
inline constexpr int kControllerPort = 9093;
inline constexpr int kAdminPort = 9644;

// What makes a cluster itself. Made once, then kept in a ConfigMap and on its volume claims.
struct ClusterIdentity {
  std::string cluster_id;
  std::int32_t node_id_base = 0;
  std::vector<std::string> directory_ids;  // Of the first voters, by ordinal.

  friend bool operator==(const ClusterIdentity&, const ClusterIdentity&) = default;
};

struct BuildOptions {
  std::string default_image;  // When the resource names none.
};

std::string identity_name(const KafkaCluster& cluster);
// Not the cluster's own name: a cluster may be named "default".
std::string service_account_name(const KafkaCluster& cluster);
std::string brokers_service_name(const KafkaCluster& cluster);
std::string bootstrap_service_name(const KafkaCluster& cluster);
// "demo-bootstrap.kafka.svc:9092"
std::string bootstrap_servers(const KafkaCluster& cluster);
std::string claim_name(const KafkaCluster& cluster, int ordinal);
std::string pod_name(const KafkaCluster& cluster, int ordinal);
// "demo-0.demo-brokers.kafka.svc"
std::string pod_host(const KafkaCluster& cluster, int ordinal);

// "penstock.dev/cluster=NAME,app.kubernetes.io/managed-by=penstock-operator"
std::string pod_selector_text(const KafkaCluster& cluster);

Json build_identity(const KafkaCluster& cluster, const ClusterIdentity& identity);
// From the ConfigMap, or from the annotations of a claim or claim template.
// ERRORS: kCorrupt naming what is missing.
base::Result<ClusterIdentity> read_identity(const Json& config_map);
base::Result<ClusterIdentity> read_identity_annotations(const Json& metadata);

Json build_service_account(const KafkaCluster& cluster);
Json build_brokers_service(const KafkaCluster& cluster);
Json build_bootstrap_service(const KafkaCluster& cluster);
// Named after its content: a new revision is a new object, and old pods keep theirs.
Json build_config_map(const KafkaCluster& cluster);
Json build_stateful_set(const KafkaCluster& cluster, const ClusterIdentity& identity,
                        const std::string& config_map_name, const BuildOptions& options);
// What a StatefulSet of ours makes of its pods, or what a pod of it was made as.
struct ControllerRoles {
  std::int32_t controllers = 0;  // 0: there is no such object.
  bool may_join = true;
};
ControllerRoles read_controller_roles(const Json& object);
Json build_disruption_budget(const KafkaCluster& cluster);

std::string server_properties(const KafkaCluster& cluster);

// 16 hexadecimal digits (FNV-1a).
std::string content_hash(std::string_view text);

}  // namespace penstock::resources
