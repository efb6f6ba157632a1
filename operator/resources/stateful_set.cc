#include <nlohmann/json.hpp>

#include "operator/resources/build_json.h"
#include "operator/resources/desired.h"

namespace penstock::resources {
namespace {

constexpr int kUserId = 65532;
constexpr int kGraceSeconds = 60;
// Two more listeners' worth of text: `kubectl port-forward` and programs in the pod come by the pod's
// loopback and must be told an address that works for them. In a pod without a loopback of its own they are
// empty.
constexpr const char* kLoopbackVariable = "PENSTOCK_LOOPBACK_LISTENER";
constexpr const char* kLoopbackAdvertisedVariable = "PENSTOCK_LOOPBACK_ADVERTISED";

Json field_env(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

Json probe(const char* path, int period_seconds, int failures) {
  return {{"httpGet", {{"path", path}, {"port", kAdminPort}}},
          {"periodSeconds", period_seconds},
          {"timeoutSeconds", 5},
          {"failureThreshold", failures}};
}

Json arguments(const KafkaCluster& cluster, const ClusterIdentity& identity) {
  const std::string host = "$(POD_NAME)." + brokers_service_name(cluster) + ".$(POD_NAMESPACE).svc";
  const std::string first =
      pod_name(cluster, 0) + "." + brokers_service_name(cluster) + "." + cluster.meta.ns + ".svc";
  const std::string client = std::to_string(kClientPort);
  const std::string controller = std::to_string(kControllerPort);
  return Json::array({
      "--config",
      "$(PENSTOCK_CONFIG)/server.properties",
      "--node-id-from-pod-name",
      "$(POD_NAME)",
      "--node-id-base",
      std::to_string(identity.node_id_base),
      "--override",
      "listeners=PLAINTEXT://$(POD_IP):" + client + ",CONTROLLER://$(POD_IP):" + controller + "$(" +
          kLoopbackVariable + ")",
      "--override",
      "advertised.listeners=PLAINTEXT://" + host + ":" + client + ",CONTROLLER://" + host + ":" + controller +
          "$(" + kLoopbackAdvertisedVariable + ")",
      "--override",
      "controller.quorum.bootstrap.servers=" + first + ":" + controller,
      "--override",
      "penstock.admin.listener=$(POD_IP):" + std::to_string(kAdminPort),
      "--format-if-empty",
      "--cluster-id",
      identity.cluster_id,
      "--directory-id",
      identity.directory_ids.front(),
      "--standalone",
  });
}

Json environment() {
  const std::string port = std::to_string(kClientPort);
  return Json::array({
      field_env("POD_NAME", "metadata.name"),
      field_env("POD_NAMESPACE", "metadata.namespace"),
      field_env("POD_IP", "status.podIP"),
      Json{{"name", "PENSTOCK_CONFIG"}, {"value", "/etc/penstock"}},
      Json{{"name", kLoopbackVariable}, {"value", ",LOOPBACK://127.0.0.1:" + port}},
      Json{{"name", kLoopbackAdvertisedVariable}, {"value", ",LOOPBACK://localhost:" + port}},
  });
}

Json container(const KafkaCluster& cluster, const ClusterIdentity& identity, const BuildOptions& options) {
  Json json = {
      {"name", "broker"},
      {"image", cluster.image.empty() ? options.default_image : cluster.image},
      {"command", Json::array({"penstock-broker"})},
      {"args", arguments(cluster, identity)},
      {"env", environment()},
      {"ports",
       Json::array({Json{{"name", "kafka"}, {"containerPort", kClientPort}, {"protocol", "TCP"}},
                    Json{{"name", "controller"}, {"containerPort", kControllerPort}, {"protocol", "TCP"}},
                    Json{{"name", "admin"}, {"containerPort", kAdminPort}, {"protocol", "TCP"}}})},
      {"volumeMounts",
       Json::array({Json{{"name", "data"}, {"mountPath", "/var/lib/penstock"}},
                    Json{{"name", "config"}, {"mountPath", "/etc/penstock"}, {"readOnly", true}}})},
      // Recovery of a large log may take long: only a start-up that hangs for an hour is killed.
      {"startupProbe", probe("/healthz", 1, 3600)},
      {"livenessProbe", probe("/healthz", 10, 6)},
      {"readinessProbe", probe("/readyz", 1, 3)},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"readOnlyRootFilesystem", true},
        {"capabilities", {{"drop", Json::array({"ALL"})}}}}},
  };
  if (!cluster.image_pull_policy.empty()) json["imagePullPolicy"] = cluster.image_pull_policy;
  if (!cluster.resources_json.empty()) json["resources"] = Json::parse(cluster.resources_json);
  return json;
}

Json pod_template(const KafkaCluster& cluster, const ClusterIdentity& identity,
                  const std::string& config_map_name, const BuildOptions& options) {
  Json json = {
      {"metadata", {{"labels", labels_with_version(cluster, "broker")}}},
      {"spec",
       {{"serviceAccountName", service_account_name(cluster)},
        {"automountServiceAccountToken", false},
        {"enableServiceLinks", false},
        {"terminationGracePeriodSeconds", kGraceSeconds},
        {"securityContext",
         {{"runAsNonRoot", true},
          {"runAsUser", kUserId},
          {"runAsGroup", kUserId},
          {"fsGroup", kUserId},
          {"fsGroupChangePolicy", "OnRootMismatch"},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
        {"containers", Json::array({container(cluster, identity, options)})},
        {"volumes", Json::array({Json{{"name", "config"}, {"configMap", {{"name", config_map_name}}}}})}}}};
  json["metadata"]["annotations"][kPodRevisionAnnotation] = content_hash(json.dump());
  return json;
}

Json claim_template(const KafkaCluster& cluster, const ClusterIdentity& identity) {
  Json spec = {{"accessModes", Json::array({"ReadWriteOnce"})},
               {"resources", {{"requests", {{"storage", cluster.storage.size}}}}}};
  if (cluster.storage.storage_class_name) spec["storageClassName"] = *cluster.storage.storage_class_name;
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"metadata",
           {{"name", "data"},
            {"labels", labels_of(cluster, "broker")},
            // A cluster that is made again over volumes that were kept takes its identity from here.
            {"annotations", identity_annotations(identity)}}},
          {"spec", std::move(spec)}};
}

}  // namespace

Json build_stateful_set(const KafkaCluster& cluster, const ClusterIdentity& identity,
                        const std::string& config_map_name, const BuildOptions& options) {
  Json object = object_of(cluster, "apps/v1", "StatefulSet", cluster.meta.name, "broker");
  object["spec"] = {
      {"replicas", cluster.replicas},
      {"serviceName", brokers_service_name(cluster)},
      // Ordered start would wait for a readiness that waits for the quorum.
      {"podManagementPolicy", "Parallel"},
      {"updateStrategy", {{"type", "OnDelete"}}},
      {"persistentVolumeClaimRetentionPolicy",
       {{"whenDeleted", cluster.storage.delete_with_cluster ? "Delete" : "Retain"},
        {"whenScaled", "Retain"}}},
      {"selector", {{"matchLabels", {{kClusterLabel, cluster.meta.name}, {kComponentLabel, "broker"}}}}},
      {"template", pod_template(cluster, identity, config_map_name, options)},
      {"volumeClaimTemplates", Json::array({claim_template(cluster, identity)})},
  };
  return sealed(std::move(object));
}

}  // namespace penstock::resources
