#include "operator/local/discovery.h"

#include <set>

#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

const char* const kVerbs[] = {"create", "delete", "deletecollection", "get",
                              "list",   "patch",  "update",           "watch"};

Json group_of(const Kinds& kinds, const std::string& group) {
  std::set<std::string> versions;
  for (const Kind& kind : kinds.all())
    if (kind.group == group) versions.insert(kind.version);
  if (versions.empty()) return nullptr;
  Json list = Json::array();
  for (const std::string& version : versions)
    list.push_back({{"groupVersion", group + "/" + version}, {"version", version}});
  const Json preferred = list.back();
  return {{"name", group}, {"versions", std::move(list)}, {"preferredVersion", preferred}};
}

void add_resources(const Kind& kind, Json& resources) {
  Json row = {{"name", kind.plural},
              {"singularName", kind.singular},
              {"namespaced", kind.is_namespaced},
              {"kind", kind.kind},
              {"verbs", kVerbs},
              {"shortNames", kind.short_names},
              {"categories", kind.categories}};
  resources.push_back(std::move(row));
  if (kind.has_status)
    resources.push_back({{"name", kind.plural + "/status"},
                         {"singularName", ""},
                         {"namespaced", kind.is_namespaced},
                         {"kind", kind.kind},
                         {"verbs", {"get", "patch", "update"}}});
  if (kind.has_scale)
    resources.push_back({{"name", kind.plural + "/scale"},
                         {"singularName", ""},
                         {"namespaced", kind.is_namespaced},
                         {"group", "autoscaling"},
                         {"version", "v1"},
                         {"kind", "Scale"},
                         {"verbs", {"get", "patch", "update"}}});
}

std::string openapi_path(const Kind& kind) {
  return kind.group.empty() ? "api/" + kind.version : "apis/" + kind.group + "/" + kind.version;
}

// kubectl reads from here whether the server validates fields and which schema `explain` shows.
Json patch_operation(const Kind& kind) {
  Json parameters = Json::array();
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation", "force"})
    parameters.push_back(
        {{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}, {"uniqueItems", true}}}});
  return {{"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-action", "patch"},
          {"x-kubernetes-group-version-kind",
           {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}}}};
}

}  // namespace

Json version_info() {
  return {
      {"major", "1"}, {"minor", "32"}, {"gitVersion", "v1.32.0+penstock-local"}, {"platform", "linux/amd64"}};
}

Json core_versions() { return {{"kind", "APIVersions"}, {"versions", {"v1"}}}; }

Json group_list(const Kinds& kinds) {
  std::set<std::string> groups;
  for (const Kind& kind : kinds.all())
    if (!kind.group.empty()) groups.insert(kind.group);
  Json list = Json::array();
  for (const std::string& group : groups) list.push_back(group_of(kinds, group));
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(list)}};
}

Json group_info(const Kinds& kinds, std::string_view group) {
  Json info = group_of(kinds, std::string(group));
  if (info.is_null()) return info;
  info["kind"] = "APIGroup";
  info["apiVersion"] = "v1";
  return info;
}

Json resource_list(const Kinds& kinds, std::string_view group, std::string_view version) {
  Json resources = Json::array();
  for (const Kind& kind : kinds.all())
    if (kind.group == group && kind.version == version) add_resources(kind, resources);
  if (resources.empty()) return nullptr;
  const std::string group_version =
      group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version},
          {"resources", std::move(resources)}};
}

Json openapi_index(const Kinds& kinds) {
  Json paths = Json::object();
  for (const Kind& kind : kinds.all())
    paths[openapi_path(kind)] = {{"serverRelativeURL", "/openapi/v3/" + openapi_path(kind)}};
  return {{"paths", std::move(paths)}};
}

Json openapi_document(const Kinds& kinds, std::string_view path) {
  Json paths = Json::object();
  Json schemas = Json::object();
  for (const Kind& kind : kinds.all()) {
    if (openapi_path(kind) != path) continue;
    const Json gvk = {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}};
    const std::string collection =
        "/" + openapi_path(kind) + (kind.is_namespaced ? "/namespaces/{namespace}/" : "/") + kind.plural;
    paths[collection + "/{name}"] = {{"patch", patch_operation(kind)}};
    // kubectl finds the schema of a resource by the response of its list operation.
    paths[collection] = {{"get",
                          {{"responses", {{"200", {{"description", "OK"}}}}},
                           {"x-kubernetes-action", "list"},
                           {"x-kubernetes-group-version-kind", gvk}}}};
    Json schema = kind.schema
                      ? *kind.schema
                      : Json{{"type", "object"}, {"description", kind.kind + " of " + kind.api_version()}};
    schema["x-kubernetes-group-version-kind"] = Json::array({gvk});
    std::string name = kind.group.empty() ? "core" : kind.group;
    schemas[name + "." + kind.version + "." + kind.kind] = std::move(schema);
  }
  if (paths.empty()) return nullptr;
  return {{"openapi", "3.0.0"},
          {"info", {{"title", "Kubernetes"}, {"version", "v1.32.0+penstock-local"}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace penstock::local
