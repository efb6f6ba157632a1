#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/local/api.h"
#include "operator/local/patch.h"
#include "operator/resources/manifest.h"

namespace penstock::local {

using base::Errc;

namespace {

ApiReply json_reply(const Json& body, int status = 200) {
  ApiReply reply;
  reply.status = status;
  reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

WriteOptions options_of(const ApiRequest& request) {
  WriteOptions options;
  options.manager = request.query_value("fieldManager");
  if (options.manager.empty()) options.manager = request.user_agent.substr(0, request.user_agent.find('/'));
  if (options.manager.empty()) options.manager = "unknown";
  options.is_dry_run = request.query_value("dryRun") == "All";
  options.is_forced = request.query_flag("force");
  options.is_strict = request.query_value("fieldValidation") == "Strict";
  return options;
}

base::Result<Json> body_of(const ApiRequest& request) {
  const bool is_yaml = request.content_type.find("yaml") != std::string::npos;
  auto parsed = parse_json(request.body);  // JSON is YAML, and most clients send it as such.
  if (parsed || !is_yaml) return parsed;
  return resources::yaml_to_json(request.body);
}

// A body that names another object than the path does would otherwise be written under the wrong name.
base::Result<> check_identity(const Kind& kind, const std::string& ns, const std::string& name,
                              const Json& object) {
  if (!object.is_object()) return base::fail(Errc::kCorrupt, "the body is no object");
  const std::string body_kind = text_at(object, "/kind");
  if (!body_kind.empty() && body_kind != kind.kind)
    return base::fail(Errc::kCorrupt,
                      fmt::format("the body's kind is {}, the path's {}", body_kind, kind.kind));
  const std::string body_ns = namespace_of(object);
  if (kind.is_namespaced && !body_ns.empty() && body_ns != ns)
    return base::fail(Errc::kCorrupt, fmt::format("the body's namespace is {}, the path's {}", body_ns, ns));
  const std::string body_name = name_of(object);
  if (!name.empty() && !body_name.empty() && body_name != name)
    return base::fail(Errc::kCorrupt, fmt::format("the body's name is {}, the path's {}", body_name, name));
  return {};
}

}  // namespace

base::Result<ApiReply> Api::create(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(Json object, body_of(request));
  const std::string ns = target.kind->is_namespaced && target.ns.empty() ? kDefaultNamespace : target.ns;
  TRY(check_identity(*target.kind, ns, "", object));
  TRY_ASSIGN(const ObjectPtr created,
             objects_.create(*target.kind, ns, std::move(object), options_of(request)));
  return reply_with(request, target, created, 201);
}

base::Result<ApiReply> Api::replace(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(Json object, body_of(request));
  TRY(check_identity(*target.kind, target.ns, target.name, object));
  WriteOptions options = options_of(request);
  options.subresource = target.subresource;
  TRY_ASSIGN(const ObjectPtr updated,
             objects_.update(*target.kind, target.ns, target.name, std::move(object), options));
  return reply_with(request, target, updated);
}

base::Result<ApiReply> Api::patch(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(Json body, body_of(request));
  WriteOptions options = options_of(request);
  options.subresource = target.subresource;
  const std::string_view type =
      std::string_view(request.content_type).substr(0, request.content_type.find(';'));
  if (type == "application/apply-patch+yaml") {
    if (request.query_value("fieldManager").empty())
      return base::fail(Errc::kCorrupt, "fieldManager is required for apply patch");
    TRY(check_identity(*target.kind, target.ns, target.name, body));
    if (target.subresource == "status") {
      TRY_ASSIGN(const ObjectPtr live, objects_.get(*target.kind, target.ns, target.name));
      Json merged = merge_patch(*live, {{"status", value_at(body, "/status")}});
      TRY_ASSIGN(const ObjectPtr stored,
                 objects_.update(*target.kind, target.ns, target.name, std::move(merged), options));
      return reply_with(request, target, stored);
    }
    body["metadata"]["name"] = target.name;
    const bool is_new = !objects_.get(*target.kind, target.ns, target.name);
    TRY_ASSIGN(const ObjectPtr stored,
               objects_.apply(*target.kind, target.ns, target.name, std::move(body), options));
    return reply_with(request, target, stored, is_new ? 201 : 200);
  }
  TRY_ASSIGN(const ObjectPtr live, objects_.get(*target.kind, target.ns, target.name));
  Json patched;
  if (type == "application/merge-patch+json") {
    patched = merge_patch(*live, body);
  } else if (type == "application/json-patch+json") {
    TRY_ASSIGN(patched, json_patch(*live, body));
  } else if (type == "application/strategic-merge-patch+json" && !target.kind->schema) {
    patched = strategic_merge_patch(*live, body);
  } else {
    return base::fail(Errc::kUnsupported, fmt::format("patches of type \"{}\" are not supported for {}", type,
                                                      target.kind->plural));
  }
  TRY(check_identity(*target.kind, target.ns, target.name, patched));
  TRY_ASSIGN(const ObjectPtr stored,
             objects_.update(*target.kind, target.ns, target.name, std::move(patched), options));
  return reply_with(request, target, stored);
}

namespace {

base::Result<DeletionOptions> deletion_of(const ApiRequest& request, const Json& body) {
  DeletionOptions options;
  options.uid = text_at(body, "/preconditions/uid");
  options.resource_version = text_at(body, "/preconditions/resourceVersion");
  options.grace_seconds = number_at(body, "/gracePeriodSeconds", -1);
  if (const std::string grace = request.query_value("gracePeriodSeconds"); !grace.empty())
    options.grace_seconds = std::atoll(grace.c_str());
  std::string propagation = text_at(body, "/propagationPolicy");
  if (propagation.empty()) propagation = request.query_value("propagationPolicy");
  options.is_orphaning = propagation == "Orphan";
  options.is_dry_run = request.query_value("dryRun") == "All" || !value_at(body, "/dryRun").empty();
  return options;
}

base::Result<Json> optional_body(const ApiRequest& request) {
  if (request.body.empty()) return Json::object();
  return body_of(request);
}

}  // namespace

base::Result<ApiReply> Api::remove(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(const Json body, optional_body(request));
  TRY_ASSIGN(const DeletionOptions options, deletion_of(request, body));
  TRY_ASSIGN(const ObjectPtr last, objects_.remove(*target.kind, target.ns, target.name, options));
  if (objects_.get(*target.kind, target.ns, target.name)) return json_reply(*last);
  return json_reply({{"kind", "Status"},
                     {"apiVersion", "v1"},
                     {"metadata", Json::object()},
                     {"status", "Success"},
                     {"details",
                      {{"name", target.name},
                       {"group", target.kind->group},
                       {"kind", target.kind->plural},
                       {"uid", uid_of(*last)}}}});
}

base::Result<ApiReply> Api::remove_all(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(const Json body, optional_body(request));
  TRY_ASSIGN(const DeletionOptions options, deletion_of(request, body));
  TRY_ASSIGN(const Selector selector,
             Selector::parse(request.query_value("labelSelector"), request.query_value("fieldSelector")));
  Json items = Json::array();
  for (const ObjectPtr& object : objects_.store().list(target.kind->resource(), target.ns)) {
    if (!selector.matches(*object)) continue;
    TRY(objects_.remove(*target.kind, namespace_of(*object), name_of(*object), options));
    items.push_back(*object);
  }
  return json_reply({{"kind", target.kind->list_kind()},
                     {"apiVersion", target.kind->api_version()},
                     {"metadata", {{"resourceVersion", std::to_string(objects_.store().revision())}}},
                     {"items", std::move(items)}});
}

base::Result<ApiReply> Api::write_scale(const ApiRequest& request, const Target& target) {
  TRY_ASSIGN(const Json body, body_of(request));
  TRY_ASSIGN(const ObjectPtr live, objects_.get(*target.kind, target.ns, target.name));
  const std::int64_t replicas = number_at(body, "/spec/replicas", -1);
  if (replicas < 0) return base::fail(Errc::kInvalidArgument, "spec.replicas: must be a number from 0 up");
  Json object = *live;
  object["spec"]["replicas"] = replicas;
  const std::string version = text_at(body, "/metadata/resourceVersion");
  if (!version.empty()) object["metadata"]["resourceVersion"] = version;
  TRY(objects_.update(*target.kind, target.ns, target.name, std::move(object), options_of(request)));
  return read_scale(target);
}

}  // namespace penstock::local
