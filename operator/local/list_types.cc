#include <string_view>

#include <nlohmann/json.hpp>

#include "operator/local/fields.h"

namespace penstock::local {

namespace {

struct BuiltInList {
  std::string_view field;
  std::string_view parent;  // Empty: any.
  std::vector<std::string> keys;
};

// The patch-merge keys of the built-in kinds' lists that are not atomic. Source: the Kubernetes API
// reference.
const std::vector<BuiltInList>& built_in_lists() {
  static const std::vector<BuiltInList> lists = {
      {"ports", "containers", {"containerPort", "protocol"}},
      {"ports", "initContainers", {"containerPort", "protocol"}},
      {"ports", "spec", {"port", "protocol"}},
      {"containers", "spec", {"name"}},
      {"initContainers", "spec", {"name"}},
      {"volumes", "spec", {"name"}},
      {"env", "", {"name"}},
      {"volumeMounts", "", {"mountPath"}},
      {"volumeDevices", "", {"devicePath"}},
      {"imagePullSecrets", "", {"name"}},
      {"secrets", "", {"name"}},
      {"hostAliases", "", {"ip"}},
      {"topologySpreadConstraints", "", {"topologyKey", "whenUnsatisfiable"}},
      {"ownerReferences", "metadata", {"uid"}},
      {"conditions", "status", {"type"}},
  };
  return lists;
}

// The name of the enclosing field, list items left out.
std::string_view parent_of(const std::vector<std::string>& names) {
  return names.size() < 2 ? std::string_view{} : std::string_view(names[names.size() - 2]);
}

const Json* schema_at(const Json* schema, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    while (schema != nullptr && schema->contains("items")) schema = &(*schema)["items"];
    if (schema == nullptr) return nullptr;
    const auto properties = schema->find("properties");
    if (properties == schema->end()) return nullptr;
    const auto found = properties->find(name);
    if (found == properties->end()) return nullptr;
    schema = &*found;
  }
  return schema;
}

}  // namespace

ListType list_type(const Json* schema, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  if (names.size() == 2 && names[0] == "metadata") {
    if (names[1] == "finalizers") return {ListType::Kind::kSet};
    if (names[1] == "ownerReferences") return {ListType::Kind::kMap, {"uid"}};
    return {};
  }
  if (schema != nullptr) {
    const Json* at = schema_at(schema, names);
    if (at == nullptr) return {};
    const std::string type = text_at(*at, "/x-kubernetes-list-type");
    if (type == "set") return {ListType::Kind::kSet};
    if (type != "map") return {};
    ListType found{ListType::Kind::kMap};
    for (const Json& key : value_at(*at, "/x-kubernetes-list-map-keys"))
      if (key.is_string()) found.keys.push_back(key.get<std::string>());
    return found;
  }
  for (const BuiltInList& list : built_in_lists())
    if (list.field == names.back() && (list.parent.empty() || list.parent == parent_of(names)))
      return {ListType::Kind::kMap, list.keys};
  return {};
}

std::string item_key(const ListType& type, const Json& item) {
  if (!item.is_object()) return {};
  Json key = Json::object();
  for (const std::string& name : type.keys) {
    const auto found = item.find(name);
    if (found != item.end()) {
      key[name] = *found;
    } else if (name == "protocol") {
      key[name] = "TCP";  // The one key that has a default.
    } else {
      return {};
    }
  }
  return "k:" + key.dump();
}

}  // namespace penstock::local
