#include "operator/local/api.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/local/discovery.h"
#include "operator/local/table.h"

namespace penstock::local {

using base::Errc;

namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    if (end != 0) parts.emplace_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return parts;
}

ApiReply json_reply(const Json& body, int status = 200) {
  ApiReply reply;
  reply.status = status;
  reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

base::Result<ApiReply> found_or_404(Json body, const std::string& path) {
  if (body.is_null()) return base::fail(Errc::kNotFound, "the server does not serve " + path);
  return json_reply(body);
}

base::Result<std::string> decode_percent(std::string_view text, bool is_query) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      decoded += ' ';
    } else if (text[i] == '%') {
      unsigned value = 0;
      const char* start = text.data() + i + 1;
      if (i + 2 >= text.size() || std::from_chars(start, start + 2, value, 16).ptr != start + 2)
        return base::fail(Errc::kCorrupt, "bad percent encoding in the request's target");
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::int64_t to_number(const std::string& text, std::int64_t otherwise) {
  std::int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool wants_table(const ApiRequest& request) { return request.accept.find("as=Table") != std::string::npos; }

}  // namespace

base::Result<> parse_target(std::string_view target, ApiRequest& request) {
  const std::size_t question = target.find('?');
  TRY_ASSIGN(request.path, decode_percent(target.substr(0, question), false));
  if (question == std::string_view::npos) return {};
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = pair.find('=');
    TRY_ASSIGN(std::string name, decode_percent(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      TRY_ASSIGN(value, decode_percent(pair.substr(equals + 1), true));
    }
    request.query[std::move(name)] = std::move(value);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return {};
}

ApiReply Api::handle(const ApiRequest& request) {
  auto reply = dispatch_safely(request);
  if (reply) return std::move(*reply);
  return json_reply(status_of(reply.error()), http_status_of(reply.error().code()));
}

// A body may have any shape; what nobody expected is refused, not fatal.
base::Result<ApiReply> Api::dispatch_safely(const ApiRequest& request) {
  try {
    return dispatch(request);
  } catch (const Json::exception& e) {
    return base::fail(Errc::kCorrupt, e.what());
  }
}

base::Result<ApiReply> Api::dispatch(const ApiRequest& request) {
  const std::vector<std::string> parts = split_path(request.path);
  const bool is_core = !parts.empty() && parts[0] == "api";
  const bool is_group = !parts.empty() && parts[0] == "apis";
  if (!(is_core && parts.size() > 2) && !(is_group && parts.size() > 3)) return discover(request, parts);
  TRY_ASSIGN(const Target target, resolve(parts));
  const bool is_collection = target.name.empty();
  if (!target.subresource.empty() && target.subresource != "status" && target.subresource != "scale")
    return base::fail(Errc::kNotFound, "no subresource " + target.subresource);
  if (target.subresource == "scale") {
    if (!target.kind->has_scale) return base::fail(Errc::kNotFound, target.kind->plural + " have no scale");
    return request.method == "GET" ? read_scale(target) : write_scale(request, target);
  }
  if (request.method == "GET") {
    if (request.query_flag("watch")) return start_watch(request, target);
    return is_collection ? list(request, target) : read(request, target);
  }
  if (request.method == "POST" && is_collection) return create(request, target);
  if (request.method == "PUT" && !is_collection) return replace(request, target);
  if (request.method == "PATCH" && !is_collection) return patch(request, target);
  if (request.method == "DELETE")
    return is_collection ? remove_all(request, target) : remove(request, target);
  return base::fail(Errc::kUnsupported, fmt::format("{} is not allowed on {}", request.method, request.path));
}

base::Result<ApiReply> Api::discover(const ApiRequest& request, const std::vector<std::string>& parts) {
  if (request.method != "GET")
    return base::fail(Errc::kUnsupported, "only GET is allowed on " + request.path);
  const Kinds& kinds = objects_.kinds();
  const std::string first = parts.empty() ? "" : parts[0];
  if (first == "version") return json_reply(version_info());
  if (first == "healthz" || first == "livez" || first == "readyz") {
    ApiReply reply;
    reply.content_type = "text/plain";
    reply.body = "ok";
    return reply;
  }
  if (first == "api")
    return parts.size() == 1 ? json_reply(core_versions())
                             : found_or_404(resource_list(kinds, "", parts[1]), request.path);
  if (first == "apis") {
    if (parts.size() == 1) return json_reply(group_list(kinds));
    return found_or_404(
        parts.size() == 2 ? group_info(kinds, parts[1]) : resource_list(kinds, parts[1], parts[2]),
        request.path);
  }
  if (first == "openapi" && parts.size() >= 2 && parts[1] == "v3") {
    if (parts.size() == 2) return json_reply(openapi_index(kinds));
    return found_or_404(openapi_document(kinds, request.path.substr(std::string_view("/openapi/v3/").size())),
                        request.path);
  }
  return base::fail(Errc::kNotFound, "the server does not serve " + request.path);
}

base::Result<Api::Target> Api::resolve(const std::vector<std::string>& parts) const {
  const bool is_core = parts[0] == "api";
  const std::string group = is_core ? "" : parts[1];
  const std::string version = is_core ? parts[1] : parts[2];
  std::vector<std::string> rest(parts.begin() + (is_core ? 2 : 3), parts.end());
  Target target;
  // "namespaces/x" and "namespaces/x/status" are the Namespace itself.
  if (rest.size() >= 3 && rest[0] == "namespaces" && rest[2] != "status" && rest[2] != "finalize") {
    target.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  target.kind = objects_.kinds().find(group, version, rest[0]);
  if (target.kind == nullptr)
    return base::fail(Errc::kNotFound, fmt::format("the server could not find the resource {}", rest[0]));
  if (rest.size() > 1) target.name = rest[1];
  if (rest.size() > 2) target.subresource = rest[2];
  if (rest.size() > 3) return base::fail(Errc::kNotFound, "the path is too long");
  if (target.kind->is_namespaced && target.ns.empty() && !target.name.empty())
    return base::fail(Errc::kCorrupt, target.kind->plural + " are namespaced; the path names no namespace");
  return target;
}

ApiReply Api::reply_with(const ApiRequest& request, const Target& target, const ObjectPtr& object,
                         int status) {
  if (!wants_table(request)) return json_reply(*object, status);
  Json table =
      make_table(*target.kind, {object}, objects_.wall_ms(), request.query_value("includeObject"), true);
  table["metadata"]["resourceVersion"] = text_at(*object, "/metadata/resourceVersion");
  return json_reply(table, status);
}

base::Result<ApiReply> Api::read(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(const ObjectPtr object, objects_.get(*target.kind, target.ns, target.name));
  return reply_with(request, target, object);
}

base::Result<ApiReply> Api::list(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(const Selector selector,
             Selector::parse(request.query_value("labelSelector"), request.query_value("fieldSelector")));
  const std::size_t limit =
      static_cast<std::size_t>(std::max<std::int64_t>(0, to_number(request.query_value("limit"), 0)));
  const std::string after =
      request.query_value("continue");  // "NS/NAME" of the last object of the page before.
  std::vector<ObjectPtr> page;
  std::string next;
  for (const ObjectPtr& object : objects_.store().list(target.kind->resource(), target.ns)) {
    const auto place = std::pair(namespace_of(*object), name_of(*object));
    if (!after.empty()) {
      const std::size_t slash = after.find('/');
      if (place <= std::pair(after.substr(0, slash), after.substr(slash + 1))) continue;
    }
    if (!selector.matches(*object)) continue;
    if (limit > 0 && page.size() == limit) {
      next = namespace_of(*page.back()) + "/" + name_of(*page.back());
      break;
    }
    page.push_back(object);
  }
  Json metadata = {{"resourceVersion", std::to_string(objects_.store().revision())}};
  if (!next.empty()) metadata["continue"] = next;
  if (wants_table(request)) {
    Json table =
        make_table(*target.kind, page, objects_.wall_ms(), request.query_value("includeObject"), true);
    table["metadata"] = std::move(metadata);
    return json_reply(table);
  }
  Json items = Json::array();
  for (const ObjectPtr& object : page) items.push_back(*object);
  return json_reply({{"kind", target.kind->list_kind()},
                     {"apiVersion", target.kind->api_version()},
                     {"metadata", std::move(metadata)},
                     {"items", std::move(items)}});
}

base::Result<ApiReply> Api::start_watch(const ApiRequest& request, const Target& target) {
  WatchRequest watch;
  std::string fields = request.query_value("fieldSelector");
  if (!target.name.empty()) fields = "metadata.name=" + target.name;
  TRY_ASSIGN(watch.selector, Selector::parse(request.query_value("labelSelector"), fields));
  watch.kind = *target.kind;
  watch.ns = target.ns;
  const std::int64_t revision = to_number(request.query_value("resourceVersion"), 0);
  if (revision > 0) {
    watch.revision = revision;
    TRY(objects_.store().changes_since(target.kind->resource(), target.ns, revision));
  }
  watch.wants_bookmarks = request.query_flag("allowWatchBookmarks");
  watch.is_table = wants_table(request);
  watch.include_object = request.query_value("includeObject");
  watch.timeout_s = std::clamp<std::int64_t>(to_number(request.query_value("timeoutSeconds"), 1800), 1, 3600);
  ApiReply reply;
  reply.watch = std::move(watch);
  return reply;
}

base::Result<ApiReply> Api::read_scale(const Target& target) {
  TRY_ASSIGN(const ObjectPtr object, objects_.get(*target.kind, target.ns, target.name));
  const std::int64_t replicas = number_at(*object, "/spec/replicas", 1);
  return json_reply({{"kind", "Scale"},
                     {"apiVersion", "autoscaling/v1"},
                     {"metadata",
                      {{"name", target.name},
                       {"namespace", target.ns},
                       {"uid", uid_of(*object)},
                       {"resourceVersion", text_at(*object, "/metadata/resourceVersion")}}},
                     {"spec", {{"replicas", replicas}}},
                     {"status",
                      {{"replicas", number_at(*object, "/status/replicas", 0)},
                       {"selector", text_at(*object, "/status/selector")}}}});
}

}  // namespace penstock::local
