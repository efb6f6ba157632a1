#include "operator/local/object.h"

#include <charconv>
#include <ctime>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace penstock::local {

namespace {

const Json kNull;

const Json* child_of(const Json& parent, const std::string& token) {
  if (parent.is_object()) {
    const auto found = parent.find(token);
    return found == parent.end() ? nullptr : &*found;
  }
  if (parent.is_array()) {
    std::size_t index = 0;
    const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (code == std::errc{} && end == token.data() + token.size() && index < parent.size())
      return &parent[index];
  }
  return nullptr;
}

}  // namespace

std::string ObjectKey::to_string() const {
  return ns.empty() ? resource + "/" + name : resource + "/" + ns + "/" + name;
}

const Json& value_at(const Json& object, std::string_view pointer) {
  const Json* at = &object;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = pointer.find('/');
    at = child_of(*at, std::string(pointer.substr(0, end)));
    if (at == nullptr) return kNull;
    pointer = end == std::string_view::npos ? std::string_view{} : pointer.substr(end);
  }
  return *at;
}

std::string text_at(const Json& object, std::string_view pointer) {
  const Json& value = value_at(object, pointer);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number_at(const Json& object, std::string_view pointer, std::int64_t otherwise) {
  const Json& value = value_at(object, pointer);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

bool flag_at(const Json& object, std::string_view pointer, bool otherwise) {
  const Json& value = value_at(object, pointer);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

std::string name_of(const Json& object) { return text_at(object, "/metadata/name"); }
std::string namespace_of(const Json& object) { return text_at(object, "/metadata/namespace"); }
std::string uid_of(const Json& object) { return text_at(object, "/metadata/uid"); }

// Labels and annotations have slashes in their names, so they are not looked up by pointer.
std::string label_of(const Json& object, const std::string& label) {
  const Json* found = nullptr;
  const Json& labels = value_at(object, "/metadata/labels");
  if (labels.is_object()) found = child_of(labels, label);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::string annotation_of(const Json& object, const std::string& annotation) {
  const Json* found = nullptr;
  const Json& annotations = value_at(object, "/metadata/annotations");
  if (annotations.is_object()) found = child_of(annotations, annotation);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_being_deleted(const Json& object) {
  return value_at(object, "/metadata/deletionTimestamp").is_string();
}

bool set_condition(Json& conditions, std::string_view type, bool status, std::string_view reason,
                   std::string_view message, std::string_view now) {
  const char* status_text = status ? "True" : "False";
  if (!conditions.is_array()) conditions = Json::array();
  for (Json& condition : conditions) {
    if (text_at(condition, "/type") != type) continue;
    const bool is_same = text_at(condition, "/status") == status_text &&
                         text_at(condition, "/reason") == reason && text_at(condition, "/message") == message;
    if (is_same) return false;
    if (text_at(condition, "/status") != status_text) condition["lastTransitionTime"] = now;
    condition["status"] = status_text;
    condition["reason"] = reason;
    condition["message"] = message;
    return true;
  }
  conditions.push_back({{"type", type},
                        {"status", status_text},
                        {"reason", reason},
                        {"message", message},
                        {"lastTransitionTime", now}});
  return true;
}

std::string rfc3339(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::int64_t parse_rfc3339(std::string_view text) {
  std::tm utc{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (end == nullptr) return 0;
  return static_cast<std::int64_t>(::timegm(&utc)) * 1000;
}

base::Result<Json> parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return base::fail(base::Errc::kCorrupt, fmt::format("not JSON: {}", e.what()));
  }
}

}  // namespace penstock::local
