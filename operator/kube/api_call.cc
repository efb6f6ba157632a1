#include "operator/kube/api_call.h"

#include <cctype>

#include <nlohmann/json.hpp>

namespace penstock::kube {
namespace {

using base::Errc;
using base::Error;

std::string encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~").contains(c)) {
      out += c;
    } else {
      ((out += '%') += kHex[byte >> 4]) += kHex[byte & 15];
    }
  }
  return out;
}

std::string selection_query(const Selection& selection) {
  return selection.label_selector.empty() ? "" : "&labelSelector=" + encode(selection.label_selector);
}

HttpCall call_of(std::string method, std::string target) {
  HttpCall call;
  call.method = std::move(method);
  call.target = std::move(target);
  return call;
}

HttpCall call_of(std::string method, std::string target, std::string content_type, const Json& body) {
  HttpCall call = call_of(std::move(method), std::move(target));
  call.content_type = std::move(content_type);
  // What is no UTF-8 (a broker's message, say) must not end the program.
  call.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return call;
}

Errc code_of(int status, std::string_view reason) {
  switch (status) {
    case 400:
    case 422:
      return Errc::kInvalidArgument;
    case 401:
    case 403:
      return Errc::kPermissionDenied;
    case 404:
      return Errc::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? Errc::kAlreadyExists : Errc::kConflict;
    case 410:
      return Errc::kOutOfRange;
    case 504:
      return Errc::kTimedOut;
    default:
      return status >= 500 || status == 429 || status == 0 ? Errc::kUnavailable : Errc::kInternal;
  }
}

}  // namespace

HttpCall get_call(Kind kind, const std::string& ns, const std::string& name) {
  return call_of("GET", kind.path(ns, name));
}

HttpCall list_call(Kind kind, const Selection& selection, int page_items, const std::string& next) {
  std::string target =
      kind.path(selection.ns) + "?limit=" + std::to_string(page_items) + selection_query(selection);
  if (!next.empty()) target += "&continue=" + encode(next);
  return call_of("GET", std::move(target));
}

HttpCall watch_call(Kind kind, const Selection& selection, const std::string& resource_version,
                    std::int64_t seconds) {
  return call_of("GET", kind.path(selection.ns) + "?watch=true&allowWatchBookmarks=true&resourceVersion=" +
                            encode(resource_version) + "&timeoutSeconds=" + std::to_string(seconds) +
                            selection_query(selection));
}

HttpCall create_call(Kind kind, const Json& object) {
  return call_of("POST", kind.path(meta_string(object, "namespace")) + "?fieldManager=" + kFieldManager,
                 "application/json", object);
}

HttpCall apply_call(Kind kind, const Json& object, const ApplyOptions& options) {
  return call_of("PATCH",
                 kind.path(meta_string(object, "namespace"), meta_string(object, "name")) + "?fieldManager=" +
                     encode(options.field_manager) + "&force=" + (options.force ? "true" : "false"),
                 "application/apply-patch+yaml", object);
}

HttpCall merge_patch_call(Kind kind, const std::string& ns, const std::string& name, const Json& patch,
                          const std::string& subresource) {
  return call_of("PATCH", kind.path(ns, name, subresource) + "?fieldManager=" + kFieldManager,
                 "application/merge-patch+json", patch);
}

HttpCall remove_call(Kind kind, const std::string& ns, const std::string& name,
                     const DeleteOptions& options) {
  Json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  return call_of("DELETE", kind.path(ns, name), "application/json", body);
}

bool is_retriable(const HttpReply& reply) {
  // 501 Not Implemented stays so.
  return reply.status == 0 || reply.status == 429 || reply.status == 500 || reply.status >= 502;
}

Error to_error(const HttpCall& call, const HttpReply& reply) {
  const std::string where = call.method + " " + call.target.substr(0, call.target.find('?'));
  if (reply.status == 0)
    return Error(reply.is_timed_out ? Errc::kTimedOut : Errc::kUnavailable, where + ": " + reply.error);
  const Json status = Json::parse(reply.body, nullptr, false);
  std::string reason;
  std::string message = "HTTP status " + std::to_string(reply.status);
  if (status.is_object()) {
    reason = status.value("reason", Json()).is_string() ? status["reason"].get<std::string>() : "";
    if (status.contains("message") && status["message"].is_string()) message = status["message"];
  }
  return Error(code_of(reply.status, reason), where + ": " + message);
}

std::string meta_string(const Json& object, const char* field) {
  if (!object.is_object() || !object.contains("metadata")) return {};
  const Json& meta = object["metadata"];
  return meta.contains(field) && meta[field].is_string() ? meta[field].get<std::string>() : std::string();
}

}  // namespace penstock::kube
