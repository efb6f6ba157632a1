#include "operator/local/table.h"

#include <charconv>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

using Found = std::vector<const Json*>;

Found step_name(const Found& from, const std::string& name) {
  Found found;
  for (const Json* value : from)
    if (value->is_object() && value->contains(name)) found.push_back(&(*value)[name]);
  return found;
}

// What stands between the brackets: 0, *, 'name' or ?(@.a=="b").
Found step_bracket(const Found& from, std::string_view inside) {
  Found found;
  if (inside.starts_with("'") && inside.size() >= 2)
    return step_name(from, std::string(inside.substr(1, inside.size() - 2)));
  const std::size_t equals = inside.find("==");
  for (const Json* value : from) {
    if (!value->is_array()) continue;
    if (inside == "*") {
      for (const Json& item : *value) found.push_back(&item);
    } else if (inside.starts_with("?(@.") && equals != std::string_view::npos) {
      const std::string field(inside.substr(4, equals - 4));
      std::string_view wanted = inside.substr(equals + 2);
      wanted = wanted.substr(0, wanted.rfind(')'));
      while (!wanted.empty() && (wanted.front() == '"' || wanted.front() == '\'' || wanted.front() == ' '))
        wanted.remove_prefix(1);
      while (!wanted.empty() && (wanted.back() == '"' || wanted.back() == '\'' || wanted.back() == ' '))
        wanted.remove_suffix(1);
      for (const Json& item : *value)
        if (text_at(item, "/" + field) == wanted) found.push_back(&item);
    } else {
      std::size_t index = 0;
      const auto parsed = std::from_chars(inside.data(), inside.data() + inside.size(), index);
      if (parsed.ec == std::errc{} && index < value->size()) found.push_back(&(*value)[index]);
    }
  }
  return found;
}

// The name at the start of `path`, taken from it; a backslash keeps the dot after it.
std::string take_name(std::string_view& path) {
  std::string name;
  while (!path.empty() && path.front() != '.' && path.front() != '[') {
    if (path.front() == '\\' && path.size() > 1) path.remove_prefix(1);
    name += path.front();
    path.remove_prefix(1);
  }
  return name;
}

Json cell_of(const PrinterColumn& column, const Json& object, std::int64_t now_ms) {
  Json value = evaluate_json_path(object, column.json_path);
  if (column.type == "date" && value.is_string())
    return human_duration(now_ms - parse_rfc3339(value.get<std::string>()));
  if (column.type == "string" && value.is_structured()) return value.dump();
  return value;
}

}  // namespace

Json evaluate_json_path(const Json& object, std::string_view path) {
  Found found{&object};
  while (!path.empty() && !found.empty()) {
    if (path.front() == '.') {
      path.remove_prefix(1);
      if (const std::string name = take_name(path); !name.empty()) found = step_name(found, name);
    } else if (path.front() == '[') {
      const std::size_t end = path.find(']');
      if (end == std::string_view::npos) return nullptr;
      found = step_bracket(found, path.substr(1, end - 1));
      path.remove_prefix(end + 1);
    } else {
      if (const std::string name = take_name(path); !name.empty()) found = step_name(found, name);
    }
  }
  if (found.empty()) return nullptr;
  if (found.size() == 1) return *found.front();
  std::string joined;
  for (const Json* value : found)
    joined += (joined.empty() ? "" : ",") + (value->is_string() ? value->get<std::string>() : value->dump());
  return joined;
}

Json make_table(const Kind& kind, const std::vector<ObjectPtr>& objects, std::int64_t now_ms,
                std::string_view include_object, bool has_columns) {
  Json columns = Json::array();
  columns.push_back({{"name", "Name"},
                     {"type", "string"},
                     {"format", "name"},
                     {"description", "The name."},
                     {"priority", 0}});
  for (const PrinterColumn& column : kind.columns)
    columns.push_back({{"name", column.name},
                       {"type", column.type == "date" ? "string" : column.type},
                       {"format", ""},
                       {"description", column.json_path},
                       {"priority", column.priority}});
  Json rows = Json::array();
  for (const ObjectPtr& object : objects) {
    Json cells = Json::array({name_of(*object)});
    for (const PrinterColumn& column : kind.columns) cells.push_back(cell_of(column, *object, now_ms));
    Json row = {{"cells", std::move(cells)}};
    if (include_object == "Object") {
      row["object"] = *object;
    } else if (include_object != "None") {
      row["object"] = {{"kind", "PartialObjectMetadata"},
                       {"apiVersion", "meta.k8s.io/v1"},
                       {"metadata", value_at(*object, "/metadata")}};
    }
    rows.push_back(std::move(row));
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", Json::object()},
          {"columnDefinitions", has_columns ? std::move(columns) : Json::array()},
          {"rows", std::move(rows)}};
}

std::string human_duration(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds < 0 ? 0 : milliseconds / 1000;
  if (seconds < 120) return fmt::format("{}s", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10)
    return seconds % 60 == 0 ? fmt::format("{}m", minutes) : fmt::format("{}m{}s", minutes, seconds % 60);
  if (minutes < 180) return fmt::format("{}m", minutes);
  const std::int64_t hours = minutes / 60;
  if (hours < 48) return fmt::format("{}h", hours);
  return fmt::format("{}d", hours / 24);
}

}  // namespace penstock::local
