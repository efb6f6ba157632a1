#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "operator/local/fields.h"

namespace penstock::local {

namespace {

struct Entry {
  std::string manager;
  std::string operation;  // Apply or Update.
  std::string subresource;
  std::string time;
  std::string api_version;
  FieldSet fields;
};

std::vector<Entry> entries_of(const Json& object) {
  std::vector<Entry> entries;
  const Json& list = value_at(object, "/metadata/managedFields");
  if (!list.is_array()) return entries;
  for (const Json& item : list)
    entries.push_back({text_at(item, "/manager"), text_at(item, "/operation"), text_at(item, "/subresource"),
                       text_at(item, "/time"), text_at(item, "/apiVersion"),
                       from_fields_v1(value_at(item, "/fieldsV1"))});
  return entries;
}

Json to_json(const std::vector<Entry>& entries) {
  Json list = Json::array();
  for (const Entry& entry : entries) {
    if (entry.fields.empty()) continue;
    Json item = {{"manager", entry.manager}, {"operation", entry.operation},
                 {"time", entry.time},       {"apiVersion", entry.api_version},
                 {"fieldsType", "FieldsV1"}, {"fieldsV1", to_fields_v1(entry.fields)}};
    if (!entry.subresource.empty()) item["subresource"] = entry.subresource;
    list.push_back(std::move(item));
  }
  return list;
}

Entry& entry_for(std::vector<Entry>& entries, std::string_view manager, std::string_view operation,
                 std::string_view subresource) {
  for (Entry& entry : entries)
    if (entry.manager == manager && entry.operation == operation && entry.subresource == subresource)
      return entry;
  entries.push_back({std::string(manager), std::string(operation), std::string(subresource), "", "", {}});
  return entries.back();
}

std::string readable(const FieldPath& path) {
  std::string text;
  for (const std::string& step : path) {
    if (step.starts_with("f:")) {
      text += "." + step.substr(2);
    } else {
      text += "[" + step.substr(2) + "]";
    }
  }
  return text;
}

// The fields of `wanted` that another manager holds with another value; given up by it when `is_forced`.
std::vector<std::string> take_over(std::vector<Entry>& entries, const Json& live, const Json& wanted,
                                   const FieldSet& fields, const ApplyRequest& request) {
  std::vector<std::string> conflicts;
  for (Entry& other : entries) {
    if (other.manager == request.manager && other.operation == "Apply") continue;
    for (const FieldPath& path : fields) {
      if (!other.fields.contains(path)) continue;
      if (path.back().starts_with("k:")) continue;  // An item may have many owners; its fields decide.
      const Json* now = find_field(live, path);
      const Json* then = find_field(wanted, path);
      if (now != nullptr && then != nullptr && *now == *then) continue;
      if (request.is_forced) {
        other.fields.erase(path);
      } else {
        conflicts.push_back(fmt::format("conflict with \"{}\": {}", other.manager, readable(path)));
      }
    }
  }
  return conflicts;
}

bool is_owned_by_any(const std::vector<Entry>& entries, const FieldPath& path) {
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    // An item stays while anybody owns it or a field below it.
    const auto at = entry.fields.lower_bound(path);
    if (at == entry.fields.end() || at->size() < path.size()) return false;
    return std::equal(path.begin(), path.end(), at->begin());
  });
}

Json without_managed_fields(Json object) {
  if (object.contains("metadata")) object["metadata"].erase("managedFields");
  return object;
}

}  // namespace

base::Result<Json> apply(const Json& live, const Json& wanted, const Json* schema,
                         const ApplyRequest& request) {
  std::vector<Entry> entries = entries_of(live);
  const FieldSet fields = fields_of(wanted, schema);
  const auto conflicts = take_over(entries, live, wanted, fields, request);
  if (!conflicts.empty())
    return base::fail(base::Errc::kConflict,
                      fmt::format("Apply failed with {} conflict{}: {}", conflicts.size(),
                                  conflicts.size() == 1 ? "" : "s", fmt::join(conflicts, "; ")));
  Entry& own = entry_for(entries, request.manager, "Apply", "");
  const FieldSet dropped = std::exchange(own.fields, fields);
  const bool is_new_set = dropped != fields;
  Json merged = merge_apply(live.is_object() ? live : Json::object(), wanted, schema);
  // Deepest first, so that the structs above are empty when their turn comes.
  for (auto path = dropped.rbegin(); path != dropped.rend(); ++path)
    if (!is_owned_by_any(entries, *path)) remove_field(merged, *path);
  if (live.is_object() && !is_new_set && without_managed_fields(merged) == without_managed_fields(live))
    return live;
  own.time = request.now;
  own.api_version = text_at(wanted, "/apiVersion");
  merged["metadata"]["managedFields"] = to_json(entries);
  return merged;
}

void track_update(const Json& before, Json& after, const Json* schema, std::string_view manager,
                  std::string_view subresource, std::string_view now) {
  const FieldSet old_fields = before.is_object() ? fields_of(before, schema) : FieldSet{};
  const FieldSet new_fields = fields_of(after, schema);
  std::vector<Entry> entries = entries_of(before);
  FieldSet changed;
  for (const FieldPath& path : new_fields) {
    const Json* then = before.is_object() ? find_field(before, path) : nullptr;
    const bool is_item = path.back().starts_with("k:");
    if (then == nullptr || (!is_item && *then != *find_field(after, path))) changed.insert(path);
  }
  for (Entry& entry : entries) {
    for (const FieldPath& path : changed) entry.fields.erase(path);
    for (const FieldPath& path : old_fields)
      if (!new_fields.contains(path)) entry.fields.erase(path);
  }
  if (!changed.empty()) {
    Entry& own = entry_for(entries, manager, "Update", subresource);
    own.fields.insert(changed.begin(), changed.end());
    own.time = now;
    own.api_version = text_at(after, "/apiVersion");
  }
  after["metadata"]["managedFields"] = to_json(entries);
}

}  // namespace penstock::local
