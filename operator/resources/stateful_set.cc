#include <charconv>
#include <iterator>

#include <nlohmann/json.hpp>

#include "operator/resources/admin_secret.h"
#include "operator/resources/build_json.h"
#include "operator/resources/desired.h"
#include "operator/resources/first_start.h"
#include "operator/resources/read_json.h"

namespace penstock::resources {
namespace {

constexpr int kUserId = 65532;
constexpr int kGraceSeconds = 60;
constexpr const char* kControllersOption = "--controllers";
constexpr const char* kNoJoining = "controller.quorum.auto.join.enable=false";
// One more listener's worth of text: `kubectl port-forward` comes by the pod's loopback, and its clients must
// be told an address that works for them, one port of localhost for each broker. In a pod without a loopback
// of its own they are empty.
constexpr const char* kLoopbackListener = "LOOPBACK";
constexpr const char* kLoopbackVariable = "PENSTOCK_LOOPBACK_LISTENER";
constexpr const char* kLoopbackAdvertisedVariable = "PENSTOCK_LOOPBACK_ADVERTISED";

Json selector_of(const KafkaCluster& cluster) {
  return {{kClusterLabel, cluster.meta.name}, {kComponentLabel, "broker"}};
}

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
  const std::string client = std::to_string(kClientPort);
  const std::string controller = std::to_string(kControllerPort);
  std::string controllers;
  for (int voter = 0; voter < cluster.controllers; ++voter)
    controllers += (voter == 0 ? "" : ",") + pod_host(cluster, voter) + ":" + controller;
  Json args = Json::array({
      "--config",
      "$(PENSTOCK_CONFIG)/server.properties",
      "--node-id-from-pod-name",
      "$(POD_NAME)",
      "--node-id-base",
      std::to_string(identity.node_id_base),
      kControllersOption,
      std::to_string(cluster.controllers),
      "--port-by-ordinal",
      kLoopbackListener,
      "--override",
      "listeners=PLAINTEXT://$(POD_IP):" + client + ",CONTROLLER://$(POD_IP):" + controller + "$(" +
          kLoopbackVariable + ")",
      "--override",
      "advertised.listeners=PLAINTEXT://" + host + ":" + client + ",CONTROLLER://" + host + ":" + controller +
          "$(" + kLoopbackAdvertisedVariable + ")",
      "--override",
      "controller.quorum.bootstrap.servers=" + controllers,
      "--override",
      "penstock.admin.listener=$(POD_IP):" + std::to_string(kAdminPort),
      "--format-if-empty",
      "--cluster-id",
      identity.cluster_id,
      "--first-start",
      std::string(kFirstStartDirectory) + "/" + kFirstStartFile,
  });
  if (!cluster.may_join) {
    args.push_back("--override");
    args.push_back(kNoJoining);
  }
  return args;
}

Json environment(const KafkaCluster& cluster) {
  const std::string port = std::to_string(kClientPort);
  return Json::array({
      field_env("POD_NAME", "metadata.name"),
      field_env("POD_NAMESPACE", "metadata.namespace"),
      field_env("POD_IP", "status.podIP"),
      Json{{"name", "PENSTOCK_CONFIG"}, {"value", "/etc/penstock"}},
      // Where Kafka's tools in the pod begin.
      Json{{"name", "PENSTOCK_BOOTSTRAP_SERVERS"}, {"value", bootstrap_servers(cluster)}},
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
      {"env", environment(cluster)},
      {"ports",
       Json::array({Json{{"name", "kafka"}, {"containerPort", kClientPort}, {"protocol", "TCP"}},
                    Json{{"name", "controller"}, {"containerPort", kControllerPort}, {"protocol", "TCP"}},
                    Json{{"name", "admin"}, {"containerPort", kAdminPort}, {"protocol", "TCP"}}})},
      {"volumeMounts",
       Json::array({Json{{"name", "data"}, {"mountPath", "/var/lib/penstock"}},
                    Json{{"name", "config"}, {"mountPath", "/etc/penstock"}, {"readOnly", true}},
                    Json{{"name", "first-start"}, {"mountPath", kFirstStartDirectory}, {"readOnly", true}},
                    Json{{"name", "admin"}, {"mountPath", kAdminSecretDirectory}, {"readOnly", true}}})},
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

// Over zones, and within a zone over nodes, as far as there are any.
Json spread(const KafkaCluster& cluster) {
  Json constraints = Json::array();
  for (const char* key : {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}) {
    constraints.push_back({{"maxSkew", 1},
                           {"topologyKey", key},
                           {"whenUnsatisfiable", "ScheduleAnyway"},
                           {"labelSelector", {{"matchLabels", selector_of(cluster)}}}});
  }
  return constraints;
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
        {"topologySpreadConstraints", spread(cluster)},
        {"volumes",
         Json::array(
             {Json{{"name", "config"}, {"configMap", {{"name", config_map_name}}}},
              Json{{"name", "first-start"}, {"configMap", {{"name", first_start_name(cluster)}}}},
              Json{{"name", "admin"},
                   {"secret", {{"secretName", admin_secret_name(cluster)}, {"defaultMode", 0440}}}}})}}}};
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

ControllerRoles read_controller_roles(const Json& object) {
  const Json& spec = child_of(object, "spec");
  const Json& pod = spec.contains("template") ? child_of(child_of(spec, "template"), "spec") : spec;
  ControllerRoles roles;
  const auto containers = pod.find("containers");
  if (containers == pod.end() || !containers->is_array() || containers->empty()) return roles;
  const Json& container = containers->front();
  if (!container.is_object() || !container.contains("args") || !container["args"].is_array()) return roles;
  const Json& args = container["args"];
  for (auto it = args.begin(); it != args.end(); ++it) {
    if (*it == kNoJoining) roles.may_join = false;
    if (*it != kControllersOption || std::next(it) == args.end() || !std::next(it)->is_string()) continue;
    const auto& text = std::next(it)->get_ref<const std::string&>();
    std::from_chars(text.data(), text.data() + text.size(), roles.controllers);
  }
  return roles;
}

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
      {"selector", {{"matchLabels", selector_of(cluster)}}},
      {"template", pod_template(cluster, identity, config_map_name, options)},
      {"volumeClaimTemplates", Json::array({claim_template(cluster, identity)})},
  };
  return sealed(std::move(object));
}

}  // namespace penstock::resources
