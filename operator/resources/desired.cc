#include "operator/resources/desired.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "operator/resources/admin_secret.h"
#include "operator/resources/build_json.h"
#include "operator/resources/read_json.h"

namespace penstock::resources {

using base::Errc;
using base::fail;

std::string content_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  char digits[17];
  for (int i = 15; i >= 0; --i, hash >>= 4) digits[i] = "0123456789abcdef"[hash & 15];
  digits[16] = '\0';
  return digits;
}

namespace {

// The tag of "registry:5000/penstock:0.1.0@sha256:..."; empty when there is none.
std::string tag_of(const std::string& image) {
  const std::string name = image.substr(0, image.find('@'));
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos || name.find('/', colon) != std::string::npos) return {};
  return name.substr(colon + 1);
}

// As label values must be; tags may have up to 128 characters and start with '_'.
bool is_label_value(const std::string& text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto is_allowed = [&](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), is_allowed);
}

}  // namespace

Json labels_with_version(const KafkaCluster& cluster, const std::string& component) {
  Json labels = labels_of(cluster, component);
  if (std::string tag = tag_of(cluster.image); is_label_value(tag)) labels[kVersionLabel] = std::move(tag);
  return labels;
}

Json labels_of(const KafkaCluster& cluster, const std::string& component) {
  return {{"app.kubernetes.io/name", "penstock"},
          {"app.kubernetes.io/instance", cluster.meta.name},
          {"app.kubernetes.io/part-of", cluster.meta.name},
          {kComponentLabel, component},
          {kManagedByLabel, kManagedByValue},
          {kClusterLabel, cluster.meta.name}};
}

Json object_of(const KafkaCluster& cluster, const char* api_version, const char* kind,
               const std::string& name, const std::string& component) {
  const Json owner = {{"apiVersion", "penstock.dev/v1alpha1"},
                      {"kind", "KafkaCluster"},
                      {"name", cluster.meta.name},
                      {"uid", cluster.meta.uid},
                      {"controller", true},
                      {"blockOwnerDeletion", true}};
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", cluster.meta.ns},
            {"labels", labels_with_version(cluster, component)},
            {"ownerReferences", Json::array({owner})}}}};
}

Json sealed(Json object) {
  const std::string hash = content_hash(object.dump());
  object["metadata"]["annotations"][kHashAnnotation] = hash;
  return object;
}

Json identity_annotations(const ClusterIdentity& identity) {
  std::string directories;
  for (const std::string& id : identity.directory_ids) directories += (directories.empty() ? "" : ",") + id;
  return {{kClusterIdAnnotation, identity.cluster_id},
          {kNodeIdBaseAnnotation, std::to_string(identity.node_id_base)},
          {kDirectoryIdsAnnotation, directories}};
}

std::string identity_name(const KafkaCluster& cluster) { return cluster.meta.name + "-identity"; }
std::string service_account_name(const KafkaCluster& cluster) { return cluster.meta.name + "-brokers"; }
std::string brokers_service_name(const KafkaCluster& cluster) { return cluster.meta.name + "-brokers"; }
std::string bootstrap_service_name(const KafkaCluster& cluster) { return cluster.meta.name + "-bootstrap"; }
std::string bootstrap_servers(const KafkaCluster& cluster) {
  return bootstrap_service_name(cluster) + "." + cluster.meta.ns + ".svc:" + std::to_string(kClientPort);
}
std::string pod_name(const KafkaCluster& cluster, int ordinal) {
  return cluster.meta.name + "-" + std::to_string(ordinal);
}
std::string pod_host(const KafkaCluster& cluster, int ordinal) {
  return pod_name(cluster, ordinal) + "." + brokers_service_name(cluster) + "." + cluster.meta.ns + ".svc";
}
std::string claim_name(const KafkaCluster& cluster, int ordinal) {
  return "data-" + pod_name(cluster, ordinal);
}
std::string pod_selector_text(const KafkaCluster& cluster) {
  return std::string(kClusterLabel) + "=" + cluster.meta.name + "," + kComponentLabel + "=broker";
}

Json build_identity(const KafkaCluster& cluster, const ClusterIdentity& identity) {
  Json object = object_of(cluster, "v1", "ConfigMap", identity_name(cluster), "identity");
  const Json annotations = identity_annotations(identity);
  object["data"] = {{"clusterId", annotations[kClusterIdAnnotation]},
                    {"nodeIdBase", annotations[kNodeIdBaseAnnotation]},
                    {"directoryIds", annotations[kDirectoryIdsAnnotation]}};
  // With another id the brokers would refuse their own volumes.
  object["immutable"] = true;
  return object;
}

namespace {

base::Result<ClusterIdentity> read_identity_fields(const Json& from, const char* cluster_id,
                                                   const char* node_id_base, const char* directory_ids) {
  ClusterIdentity identity;
  identity.cluster_id = text_or(from, cluster_id);
  if (identity.cluster_id.empty()) return fail(Errc::kCorrupt, std::string(cluster_id) + " is missing");
  const std::string base_text = text_or(from, node_id_base, "0");
  const auto parsed =
      std::from_chars(base_text.data(), base_text.data() + base_text.size(), identity.node_id_base);
  if (parsed.ec != std::errc()) return fail(Errc::kCorrupt, std::string(node_id_base) + " is no number");
  std::string rest = text_or(from, directory_ids);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    identity.directory_ids.push_back(rest.substr(0, comma));
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
  }
  if (identity.directory_ids.empty()) return fail(Errc::kCorrupt, std::string(directory_ids) + " is missing");
  return identity;
}

// A value as java.util.Properties reads it back.
std::string escaped(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\r') {
      out += "\\r";
    } else if ((c == ' ' || c == '\t') && out.empty()) {
      (out += '\\') += c;
    } else {
      out += c;
    }
  }
  return out;
}

Json service(const KafkaCluster& cluster, const std::string& name, Json ports) {
  Json object = object_of(cluster, "v1", "Service", name, "broker");
  object["spec"] = {{"selector", {{kClusterLabel, cluster.meta.name}, {kComponentLabel, "broker"}}},
                    {"ports", std::move(ports)}};
  return object;
}

Json port(const char* name, int number) {
  return {{"name", name}, {"port", number}, {"targetPort", number}, {"protocol", "TCP"}};
}

}  // namespace

base::Result<ClusterIdentity> read_identity(const Json& config_map) {
  return read_identity_fields(config_map.value("data", Json::object()), "clusterId", "nodeIdBase",
                              "directoryIds");
}

base::Result<ClusterIdentity> read_identity_annotations(const Json& metadata) {
  return read_identity_fields(metadata.value("annotations", Json::object()), kClusterIdAnnotation,
                              kNodeIdBaseAnnotation, kDirectoryIdsAnnotation);
}

Json build_service_account(const KafkaCluster& cluster) {
  Json object = object_of(cluster, "v1", "ServiceAccount", service_account_name(cluster), "broker");
  object["automountServiceAccountToken"] = false;
  return sealed(std::move(object));
}

Json build_brokers_service(const KafkaCluster& cluster) {
  Json object = service(cluster, brokers_service_name(cluster),
                        Json::array({port("kafka", kClientPort), port("controller", kControllerPort)}));
  object["spec"]["clusterIP"] = "None";
  // The brokers must find each other before they are ready: readiness waits for the quorum.
  object["spec"]["publishNotReadyAddresses"] = true;
  return sealed(std::move(object));
}

Json build_bootstrap_service(const KafkaCluster& cluster) {
  return sealed(service(cluster, bootstrap_service_name(cluster), Json::array({port("kafka", kClientPort)})));
}

std::string server_properties(const KafkaCluster& cluster) {
  const int internal_factor = std::min(3, cluster.replicas);
  std::map<std::string, std::string> properties = {
      {"process.roles", "broker,controller"},
      {"controller.listener.names", "CONTROLLER"},
      {"inter.broker.listener.name", "PLAINTEXT"},
      {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOOPBACK:PLAINTEXT"},
      {"log.dirs", "/var/lib/penstock/data"},
      {"controller.quorum.auto.join.enable", "true"},
      {"default.replication.factor", std::to_string(cluster.default_replication_factor())},
      {"offsets.topic.replication.factor", std::to_string(internal_factor)},
      {"transaction.state.log.replication.factor", std::to_string(internal_factor)},
      {"penstock.admin.token.file", std::string(kAdminSecretDirectory) + "/" + kAdminTokenKey},
      {"transaction.state.log.min.isr", internal_factor < 3 ? "1" : "2"},
  };
  if (const auto& partitions = cluster.topic_defaults.partitions)
    properties["num.partitions"] = std::to_string(*partitions);
  for (const auto& [name, value] : cluster.config) properties[name] = value;
  std::string text;
  for (const auto& [name, value] : properties) text += name + "=" + escaped(value) + "\n";
  return text;
}

Json build_config_map(const KafkaCluster& cluster) {
  const std::string properties = server_properties(cluster);
  Json object = object_of(cluster, "v1", "ConfigMap",
                          cluster.meta.name + "-config-" + content_hash(properties).substr(0, 10), "config");
  object["data"] = {{"server.properties", properties}};
  object["immutable"] = true;
  return sealed(std::move(object));
}

Json build_disruption_budget(const KafkaCluster& cluster) {
  Json object = object_of(cluster, "policy/v1", "PodDisruptionBudget", cluster.meta.name, "broker");
  object["spec"] = {
      {"maxUnavailable", 1},
      {"selector", {{"matchLabels", {{kClusterLabel, cluster.meta.name}, {kComponentLabel, "broker"}}}}}};
  return sealed(std::move(object));
}

}  // namespace penstock::resources
