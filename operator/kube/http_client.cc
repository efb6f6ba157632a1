#include "operator/kube/http_client.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/aio/completion.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/kube/cpprest_transport.h"
#include "operator/kube/watch_lines.h"

namespace penstock::kube {
namespace {

using base::Errc;
using base::Error;
using base::fail;
using base::Result;

constexpr base::Logger log("kube");
constexpr int kAttemptsMax = 5;
constexpr int kPageItems = 500;
// Watches are short, so that one that has silently died is noticed: the server ends it, or our timer does.
constexpr int kWatchSeconds = 55;
constexpr auto kWatchSilence = base::seconds(kWatchSeconds + 10);
constexpr auto kBackOffMax = base::seconds(5);

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

bool is_retriable(const HttpReply& reply) {
  return reply.status == 0 || reply.status == 429 || reply.status == 500 || reply.status >= 502;
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

Error to_error(const HttpCall& call, const HttpReply& reply) {
  const std::string where = call.method + " " + call.target.substr(0, call.target.find('?'));
  if (reply.status == 0) return Error(Errc::kUnavailable, where + ": " + reply.error);
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
  if (!object.contains("metadata")) return {};
  const Json& meta = object["metadata"];
  return meta.contains(field) && meta[field].is_string() ? meta[field].get<std::string>() : std::string();
}

std::string selection_query(const Selection& selection) {
  return selection.label_selector.empty() ? "" : "&labelSelector=" + encode(selection.label_selector);
}

HttpCall get_call(std::string target) {
  HttpCall call;
  call.method = "GET";
  call.target = std::move(target);
  return call;
}

}  // namespace

HttpKubeClient::HttpKubeClient(aio::Reactor& reactor, base::Random& random, Credentials credentials)
    : reactor_(reactor), random_(random), credentials_(std::move(credentials)) {
  TransportOptions options;
  options.server = credentials_.server;
  options.ca_pem = credentials_.ca_pem;
  options.client_certificate = credentials_.client_certificate;
  options.client_key = credentials_.client_key;
  options.skip_tls_verify = credentials_.skip_tls_verify;
  transport_ = std::make_shared<CppRestTransport>(options);
}

HttpKubeClient::~HttpKubeClient() = default;

aio::Task<> HttpKubeClient::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

void HttpKubeClient::authorize(HttpCall& call) const {
  std::string token = credentials_.token;
  if (!credentials_.token_file.empty()) {
    std::ifstream in(credentials_.token_file, std::ios::binary);
    if (in) token.assign(std::istreambuf_iterator<char>(in), {});
    while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  }
  if (!token.empty()) call.authorization = "Bearer " + token;
}

aio::Task<Result<HttpReply>> HttpKubeClient::send(HttpCall call) {
  for (int attempt = 1;; ++attempt) {
    if (!gate_.enter()) co_return fail(Errc::kShuttingDown, "the Kubernetes client is stopped");
    authorize(call);
    aio::Completion<HttpReply> completion;
    auto cancel = transport_->send(call, nullptr, [completion, &reactor = reactor_](HttpReply reply) {
      reactor.post([completion, reply = std::move(reply)]() mutable { completion.set(std::move(reply)); });
    });
    auto on_stop = stopping_.token().on_cancel([cancel] { cancel(); });
    HttpReply reply = co_await completion.wait();
    on_stop.reset();
    gate_.leave();
    if (stopping_.is_cancelled()) co_return fail(Errc::kCancelled, "the Kubernetes client is stopped");
    if (!is_retriable(reply) || attempt == kAttemptsMax) co_return reply;
    if (reply.status == 0) transport_->drop_connections();
    log.debug("{}; trying again", to_error(call, reply).what());
    base::Duration delay = base::milliseconds(100) * (1 << attempt);
    delay =
        delay / 2 +
        base::Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(delay.count()))));
    if (reply.retry_after_s > 0) delay = std::max<base::Duration>(delay, base::seconds(reply.retry_after_s));
    CO_TRY(
        co_await aio::sleep_for(reactor_, std::min<base::Duration>(delay, kBackOffMax), stopping_.token()));
  }
}

aio::Task<Result<Json>> HttpKubeClient::call_json(HttpCall call) {
  CO_TRY_ASSIGN(HttpReply reply, co_await send(call));
  if (reply.status < 200 || reply.status >= 300) co_return fail(to_error(call, reply));
  Json value = Json::parse(reply.body, nullptr, false);
  if (value.is_discarded() || !value.is_object()) {
    co_return fail(Errc::kCorrupt, call.method + " " + call.target + ": the reply is not a JSON object");
  }
  co_return value;
}

aio::Task<Result<Json>> HttpKubeClient::get(Kind kind, std::string ns, std::string name) {
  co_return co_await call_json(get_call(kind.path(ns, name)));
}

aio::Task<Result<Json>> HttpKubeClient::list(Kind kind, Selection selection) {
  Json all;
  std::string next;
  bool is_restarted = false;
  for (;;) {
    std::string target =
        kind.path(selection.ns) + "?limit=" + std::to_string(kPageItems) + selection_query(selection);
    if (!next.empty()) target += "&continue=" + encode(next);
    auto page = co_await call_json(get_call(target));
    // The version that the pages are of may expire between two of them.
    if (!page && page.error().code() == Errc::kOutOfRange && !next.empty() && !is_restarted) {
      is_restarted = true;
      next.clear();
      all = nullptr;
      continue;
    }
    if (!page) co_return fail(page.error());
    if (!page->contains("items") || !(*page)["items"].is_array()) (*page)["items"] = Json::array();
    next = meta_string(*page, "continue");
    if (all.is_null()) {
      all = std::move(*page);
    } else {
      for (Json& item : (*page)["items"]) all["items"].push_back(std::move(item));
      all["metadata"] = (*page)["metadata"];
    }
    if (next.empty()) co_return all;
  }
}

aio::Task<Result<>> HttpKubeClient::watch(Kind kind, Selection selection, std::string resource_version,
                                          WatchCallback callback, aio::CancelToken cancel) {
  if (!gate_.enter()) co_return fail(Errc::kShuttingDown, "the Kubernetes client is stopped");
  HttpCall call = get_call(kind.path(selection.ns) + "?watch=true&allowWatchBookmarks=true&resourceVersion=" +
                           encode(resource_version) + "&timeoutSeconds=" + std::to_string(kWatchSeconds) +
                           selection_query(selection));
  authorize(call);
  auto lines = std::make_shared<WatchLines>(std::move(callback));
  aio::Completion<HttpReply> completion;
  auto stop = transport_->send(
      call,
      [lines, &reactor = reactor_](std::string chunk) {
        reactor.post([lines, chunk = std::move(chunk)] { lines->feed(chunk); });
      },
      [completion, &reactor = reactor_](HttpReply reply) {
        reactor.post([completion, reply = std::move(reply)]() mutable { completion.set(std::move(reply)); });
      });
  auto on_cancel = cancel.on_cancel([stop] { stop(); });
  auto on_stop = stopping_.token().on_cancel([stop] { stop(); });
  const aio::TimerId silence = reactor_.call_after(kWatchSilence, [stop] { stop(); });
  const HttpReply reply = co_await completion.wait();
  reactor_.cancel(silence);
  on_cancel.reset();
  on_stop.reset();
  gate_.leave();
  if (cancel.is_cancelled() || stopping_.is_cancelled())
    co_return fail(Errc::kCancelled, "the watch is cancelled");
  if (lines->error()) co_return fail(*lines->error());
  if (reply.status == 0) {
    // A cut stream that carried events ended as streams do; one that did not is worth a back-off.
    if (lines->has_events()) co_return Result<>();
    co_return fail(to_error(call, reply));
  }
  if (reply.status != 200) co_return fail(to_error(call, reply));
  co_return Result<>();
}

aio::Task<Result<Json>> HttpKubeClient::create(Kind kind, Json object) {
  HttpCall call;
  call.method = "POST";
  call.target = kind.path(meta_string(object, "namespace")) + "?fieldManager=" + kFieldManager;
  call.content_type = "application/json";
  call.body = object.dump();
  co_return co_await call_json(std::move(call));
}

aio::Task<Result<Json>> HttpKubeClient::apply(Kind kind, Json object, ApplyOptions options) {
  HttpCall call;
  call.method = "PATCH";
  call.target = kind.path(meta_string(object, "namespace"), meta_string(object, "name")) +
                "?fieldManager=" + encode(options.field_manager) +
                "&force=" + (options.force ? "true" : "false");
  call.content_type = "application/apply-patch+yaml";
  call.body = object.dump();
  co_return co_await call_json(std::move(call));
}

aio::Task<Result<Json>> HttpKubeClient::merge_patch(Kind kind, std::string ns, std::string name, Json patch,
                                                    std::string subresource) {
  HttpCall call;
  call.method = "PATCH";
  call.target = kind.path(ns, name, subresource) + "?fieldManager=" + kFieldManager;
  call.content_type = "application/merge-patch+json";
  call.body = patch.dump();
  co_return co_await call_json(std::move(call));
}

aio::Task<Result<>> HttpKubeClient::remove(Kind kind, std::string ns, std::string name,
                                           DeleteOptions options) {
  Json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  HttpCall call;
  call.method = "DELETE";
  call.target = kind.path(ns, name);
  call.content_type = "application/json";
  call.body = body.dump();
  auto done = co_await call_json(std::move(call));
  if (!done && done.error().code() != Errc::kNotFound) co_return fail(done.error());
  co_return Result<>();
}

}  // namespace penstock::kube
