#include "operator/local/kinds.h"

#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

using Columns = std::vector<PrinterColumn>;

const PrinterColumn kAge{"Age", "date", ".metadata.creationTimestamp"};

Columns pod_columns() {
  return {{"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"},
          {"Status", "string", ".status.phase"},
          {"Restarts", "integer", ".status.containerStatuses[0].restartCount"},
          kAge,
          {"IP", "string", ".status.podIP", 1},
          {"Pid", "string", ".metadata.annotations.penstock\\.dev/pid", 1}};
}

Columns stateful_set_columns() {
  return {{"Ready", "integer", ".status.readyReplicas"}, {"Replicas", "integer", ".spec.replicas"}, kAge};
}

Columns service_columns() {
  return {{"Type", "string", ".spec.type"},
          {"Cluster-IP", "string", ".spec.clusterIP"},
          {"Port(s)", "string", ".spec.ports[*].port"},
          kAge};
}

Columns claim_columns() {
  return {{"Status", "string", ".status.phase"},
          {"Volume", "string", ".spec.volumeName"},
          {"Capacity", "string", ".status.capacity.storage"},
          kAge};
}

Columns event_columns() {
  return {{"Last Seen", "date", ".lastTimestamp"},
          {"Type", "string", ".type"},
          {"Reason", "string", ".reason"},
          {"Object", "string", ".involvedObject.name"},
          {"Message", "string", ".message"}};
}

std::vector<Kind> built_in_kinds() {
  const Columns age{kAge};
  std::vector<Kind> kinds;
  const auto add = [&kinds](std::string group, std::string version, std::string kind, std::string plural,
                            std::string singular, std::vector<std::string> short_names, bool is_namespaced,
                            bool has_status, Columns columns) {
    Kind row;
    row.group = std::move(group);
    row.version = std::move(version);
    row.kind = std::move(kind);
    row.plural = std::move(plural);
    row.singular = std::move(singular);
    row.short_names = std::move(short_names);
    row.is_namespaced = is_namespaced;
    row.has_status = has_status;
    row.columns = std::move(columns);
    kinds.push_back(std::move(row));
  };
  add("", "v1", "Namespace", "namespaces", "namespace", {"ns"}, false, true,
      {{"Status", "string", ".status.phase"}, kAge});
  add("", "v1", "Pod", "pods", "pod", {"po"}, true, true, pod_columns());
  add("", "v1", "Service", "services", "service", {"svc"}, true, true, service_columns());
  add("", "v1", "ConfigMap", "configmaps", "configmap", {"cm"}, true, false, age);
  add("", "v1", "Secret", "secrets", "secret", {}, true, false, {{"Type", "string", ".type"}, kAge});
  add("", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", {"sa"}, true, false, age);
  add("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", {"pvc"}, true,
      true, claim_columns());
  add("", "v1", "Event", "events", "event", {"ev"}, true, false, event_columns());
  add("apps", "v1", "StatefulSet", "statefulsets", "statefulset", {"sts"}, true, true,
      stateful_set_columns());
  kinds.back().has_scale = true;
  add("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", {"pdb"}, true,
      true, age);
  add("coordination.k8s.io", "v1", "Lease", "leases", "lease", {}, true, false,
      {{"Holder", "string", ".spec.holderIdentity"}, kAge});
  add("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
      "customresourcedefinition", {"crd", "crds"}, false, true, age);
  for (Kind& kind : kinds)
    if (kind.plural == "pods" || kind.plural == "services" || kind.plural == "statefulsets")
      kind.categories = {"all"};
  return kinds;
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> found;
  if (!list.is_array()) return found;
  for (const Json& item : list)
    if (item.is_string()) found.push_back(item.get<std::string>());
  return found;
}

}  // namespace

Kinds::Kinds() : all_(built_in_kinds()) { built_in_count_ = all_.size(); }

void Kinds::refresh(const std::vector<ObjectPtr>& definitions) {
  all_.resize(built_in_count_);
  for (const ObjectPtr& definition : definitions)
    for (Kind& kind : kinds_of(*definition)) all_.push_back(std::move(kind));
}

const Kind* Kinds::find(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const Kind& kind : all_)
    if (kind.group == group && kind.version == version && kind.plural == plural) return &kind;
  return nullptr;
}

const Kind* Kinds::find_kind(std::string_view api_version, std::string_view name) const {
  for (const Kind& kind : all_)
    if (kind.kind == name && kind.api_version() == api_version) return &kind;
  return nullptr;
}

const Kind* Kinds::find_resource(std::string_view resource) const {
  for (const Kind& kind : all_)
    if (kind.resource() == resource) return &kind;
  return nullptr;
}

std::vector<Kind> kinds_of(const Json& definition) {
  std::vector<Kind> kinds;
  const Json& versions = value_at(definition, "/spec/versions");
  if (!versions.is_array()) return kinds;
  for (const Json& version : versions) {
    if (!flag_at(version, "/served")) continue;
    Kind kind;
    kind.group = text_at(definition, "/spec/group");
    kind.version = text_at(version, "/name");
    kind.kind = text_at(definition, "/spec/names/kind");
    kind.plural = text_at(definition, "/spec/names/plural");
    kind.singular = text_at(definition, "/spec/names/singular");
    kind.short_names = texts(value_at(definition, "/spec/names/shortNames"));
    kind.categories = texts(value_at(definition, "/spec/names/categories"));
    kind.is_namespaced = text_at(definition, "/spec/scope") != "Cluster";
    kind.has_status = value_at(version, "/subresources/status").is_object();
    kind.has_scale = value_at(version, "/subresources/scale").is_object();
    const Json& schema = value_at(version, "/schema/openAPIV3Schema");
    if (schema.is_object()) kind.schema = std::make_shared<const Json>(schema);
    const Json& columns = value_at(version, "/additionalPrinterColumns");
    if (columns.is_array()) {
      for (const Json& column : columns)
        kind.columns.push_back({text_at(column, "/name"), text_at(column, "/type"),
                                text_at(column, "/jsonPath"),
                                static_cast<int>(number_at(column, "/priority", 0))});
    } else {
      kind.columns.push_back(kAge);
    }
    if (!kind.kind.empty() && !kind.plural.empty()) kinds.push_back(std::move(kind));
  }
  return kinds;
}

}  // namespace penstock::local
