#include "operator/local/fields.h"

#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

using Names = std::vector<std::string>;

bool is_identity(const FieldPath& path, const std::string& name) {
  if (path.empty()) return name == "apiVersion" || name == "kind";
  if (path.size() != 1 || path[0] != "f:metadata") return false;
  static const std::set<std::string_view> kOwnedByNobody = {"name",
                                                            "namespace",
                                                            "uid",
                                                            "resourceVersion",
                                                            "generation",
                                                            "creationTimestamp",
                                                            "managedFields",
                                                            "selfLink",
                                                            "deletionTimestamp",
                                                            "deletionGracePeriodSeconds",
                                                            "generateName"};
  return kOwnedByNobody.contains(name);
}

struct Collector {
  const Json* schema;
  FieldSet fields{};
  FieldPath path{};
  Names names{};

  void visit(const Json& value) {
    if (value.is_object() && !value.empty()) return visit_object(value);
    if (value.is_array()) {
      const ListType type = list_type(schema, names);
      if (type.kind != ListType::Kind::kAtomic && !value.empty()) return visit_list(value, type);
    }
    if (!path.empty()) fields.insert(path);
  }

  void visit_object(const Json& value) {
    for (const auto& [name, member] : value.items()) {
      if (is_identity(path, name)) continue;
      path.push_back("f:" + name);
      names.push_back(name);
      visit(member);
      names.pop_back();
      path.pop_back();
    }
  }

  void visit_list(const Json& list, const ListType& type) {
    for (const Json& item : list) {
      const bool is_map = type.kind == ListType::Kind::kMap;
      const std::string key = is_map ? item_key(type, item) : "v:" + item.dump();
      if (key.empty()) continue;
      path.push_back(key);
      fields.insert(path);
      if (is_map) visit_object(item);
      path.pop_back();
    }
  }
};

bool has_key(const Json& item, const Json& key) {
  if (!item.is_object()) return false;
  for (const auto& [name, value] : key.items()) {
    const auto found = item.find(name);
    if (found == item.end() ? name != "protocol" || value != "TCP" : *found != value) return false;
  }
  return true;
}

Json* find_item(Json& list, const std::string& step) {
  if (!list.is_array()) return nullptr;
  const bool is_value = step.starts_with("v:");
  const Json key = Json::parse(step.substr(2), nullptr, false);
  for (Json& item : list) {
    if (is_value) {
      if (item == key) return &item;
      continue;
    }
    if (has_key(item, key)) return &item;
  }
  return nullptr;
}

Json* step_into(Json& value, const std::string& step) {
  if (!step.starts_with("f:")) return find_item(value, step);
  if (!value.is_object()) return nullptr;
  const auto found = value.find(step.substr(2));
  return found == value.end() ? nullptr : &*found;
}

bool remove_at(Json& value, const FieldPath& path, std::size_t depth) {
  Json* child = step_into(value, path[depth]);
  if (child == nullptr) return false;
  if (depth + 1 < path.size()) {
    if (!remove_at(*child, path, depth + 1) || !child->empty() || !child->is_structured()) return false;
  }
  if (value.is_array()) {
    value.erase(value.begin() + (child - value.get_ref<Json::array_t&>().data()));
  } else {
    value.erase(path[depth].substr(2));
  }
  return true;
}

}  // namespace

FieldSet fields_of(const Json& object, const Json* schema) {
  Collector collector{schema};
  collector.visit(object);
  return std::move(collector.fields);
}

Json to_fields_v1(const FieldSet& fields) {
  Json root = Json::object();
  for (const FieldPath& path : fields) {
    Json* at = &root;
    for (const std::string& step : path) at = &(*at)[step];
    if (at->is_null()) *at = Json::object();
    if (path.back().starts_with("k:")) (*at)["."] = Json::object();
  }
  return root;
}

namespace {
void collect_fields_v1(const Json& node, FieldPath& path, FieldSet& fields) {
  const bool is_item = !path.empty() && path.back().starts_with("k:");
  if (!path.empty() && (node.empty() || (is_item && node.contains(".")))) fields.insert(path);
  if (!node.is_object()) return;
  for (const auto& [step, child] : node.items()) {
    if (step == ".") continue;
    path.push_back(step);
    collect_fields_v1(child, path, fields);
    path.pop_back();
  }
}

void merge_into(Json& live, const Json& wanted, const Json* schema, Names& names) {
  if (wanted.is_object() && live.is_object()) {
    for (const auto& [name, member] : wanted.items()) {
      names.push_back(name);
      if (live.contains(name)) {
        merge_into(live[name], member, schema, names);
      } else {
        live[name] = member;
      }
      names.pop_back();
    }
    return;
  }
  const ListType type = list_type(schema, names);
  if (!wanted.is_array() || !live.is_array() || type.kind == ListType::Kind::kAtomic) {
    live = wanted;
    return;
  }
  for (const Json& item : wanted) {
    const bool is_map = type.kind == ListType::Kind::kMap;
    const std::string key = is_map ? item_key(type, item) : "v:" + item.dump();
    Json* found = key.empty() ? nullptr : find_item(live, key);
    if (found == nullptr) {
      live.push_back(item);
    } else if (is_map) {
      merge_into(*found, item, schema, names);
    }
  }
}
}  // namespace

FieldSet from_fields_v1(const Json& fields) {
  FieldSet found;
  FieldPath path;
  collect_fields_v1(fields, path, found);
  return found;
}

Json merge_apply(const Json& live, const Json& wanted, const Json* schema) {
  Json merged = live;
  Names names;
  merge_into(merged, wanted, schema, names);
  return merged;
}

const Json* find_field(const Json& object, const FieldPath& path) {
  Json* at = const_cast<Json*>(&object);  // step_into only looks.
  for (const std::string& step : path) {
    at = step_into(*at, step);
    if (at == nullptr) return nullptr;
  }
  return at;
}

void remove_field(Json& object, const FieldPath& path) {
  if (!path.empty()) remove_at(object, path, 0);
}

}  // namespace penstock::local
