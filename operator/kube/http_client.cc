#include "operator/kube/http_client.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/aio/completion.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "operator/kube/api_call.h"
#include "operator/kube/watch_lines.h"

namespace penstock::kube {
namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr base::Logger log("kube");
constexpr auto kBackOffMax = base::seconds(5);
constexpr std::size_t kTokenBytesMax = 1 << 20;

std::int64_t whole_seconds(base::Duration duration) {
  return std::max<std::int64_t>(1, std::chrono::duration_cast<base::seconds>(duration).count());
}

}  // namespace

HttpKubeClient::HttpKubeClient(aio::Reactor& reactor, base::Random& random, Credentials credentials,
                               HttpClientOptions options)
    : reactor_(reactor), random_(random), credentials_(std::move(credentials)), options_(std::move(options)) {
  TransportOptions transport;
  transport.server = credentials_.server;
  transport.ca_pem = credentials_.ca_pem;
  transport.client_certificate = credentials_.client_certificate;
  transport.client_key = credentials_.client_key;
  transport.skip_tls_verify = credentials_.skip_tls_verify;
  // The library's time-outs are for one read each; ours for the whole comes first.
  transport.call_timeout_s = static_cast<int>(whole_seconds(options_.call_timeout)) + 5;
  transport.stream_timeout_s =
      static_cast<int>(whole_seconds(options_.watch_duration + options_.watch_grace)) + 5;
  transport_ = std::make_shared<CppRestTransport>(transport);
}

HttpKubeClient::~HttpKubeClient() = default;

aio::Task<> HttpKubeClient::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

void HttpKubeClient::authorize(HttpCall& call) {
  std::string& token = credentials_.token;
  // Read for each call, since projected tokens rotate; a file that cannot be read leaves what was read last.
  if (!credentials_.token_file.empty()) {
    if (std::ifstream in(credentials_.token_file, std::ios::binary); in) {
      std::string text(std::istreambuf_iterator<char>(in), {});
      if (!text.empty() && text.size() <= kTokenBytesMax) token = std::move(text);
    }
    while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  }
  if (!token.empty()) call.authorization = "Bearer " + token;
}

// After a server's restart all connections are dead; and it may be one of a new certificate authority.
void HttpKubeClient::reset_connections() {
  if (!credentials_.ca_file.empty()) {
    if (std::ifstream in(credentials_.ca_file, std::ios::binary); in) {
      const std::string text(std::istreambuf_iterator<char>(in), {});
      if (has_certificate(text)) credentials_.ca_pem = text;
    }
  }
  transport_->drop_connections(credentials_.ca_pem);
}

aio::Task<HttpReply> HttpKubeClient::send_once(HttpCall call) {
  aio::Completion<HttpReply> completion;
  auto cancel = transport_->send(call, nullptr, [completion, &reactor = reactor_](HttpReply reply) {
    reactor.post([completion, reply = std::move(reply)]() mutable { completion.set(std::move(reply)); });
  });
  auto is_late = std::make_shared<bool>(false);
  auto on_stop = stopping_.token().on_cancel([cancel] { cancel(); });
  const aio::TimerId deadline = reactor_.call_after(options_.call_timeout, [cancel, is_late] {
    *is_late = true;
    cancel();
  });
  HttpReply reply = co_await completion.wait();
  reactor_.cancel(deadline);
  on_stop.reset();
  if (*is_late && reply.status == 0) {
    reply.is_timed_out = true;
    reply.error = "no whole answer within " + std::to_string(whole_seconds(options_.call_timeout)) + " s";
  }
  ++requests_[{call.method, reply.status}];
  co_return reply;
}

base::Duration HttpKubeClient::retry_delay(const HttpReply& reply, int attempt) {
  base::Duration delay = std::min<base::Duration>(base::milliseconds(100) * (1 << attempt), kBackOffMax);
  delay = delay / 2 +
          base::Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(delay.count()))));
  if (reply.retry_after_s <= 0) return delay;
  return std::max<base::Duration>(
      delay, std::min<base::Duration>(base::seconds(reply.retry_after_s), kRetryAfterMax));
}

aio::Task<Result<HttpReply>> HttpKubeClient::send(HttpCall call) {
  for (int attempt = 1;; ++attempt) {
    if (call.method != "GET" && options_.may_write && !options_.may_write())
      co_return fail(Errc::kUnavailable, call.method + " " + call.target + ": not the leader");
    if (!gate_.enter()) co_return fail(Errc::kShuttingDown, "the Kubernetes client is stopped");
    authorize(call);
    HttpReply reply = co_await send_once(call);
    gate_.leave();
    if (stopping_.is_cancelled()) co_return fail(Errc::kCancelled, "the Kubernetes client is stopped");
    if (reply.status == 0) reset_connections();
    if (!is_retriable(reply) || attempt >= options_.attempts_max) co_return reply;
    log.debug("{}; trying again", to_error(call, reply).what());
    CO_TRY(co_await aio::sleep_for(reactor_, retry_delay(reply, attempt), stopping_.token()));
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
  co_return co_await call_json(get_call(kind, ns, name));
}

aio::Task<Result<Json>> HttpKubeClient::list(Kind kind, Selection selection) {
  Json all;
  std::string next;
  bool is_restarted = false;
  for (;;) {
    auto page = co_await call_json(list_call(kind, selection, options_.page_items, next));
    // The version that the pages are of may expire between two of them.
    if (!page && page.error().code() == Errc::kOutOfRange && !next.empty() && !is_restarted) {
      is_restarted = true;
      next.clear();
      all = nullptr;
      continue;
    }
    if (!page) co_return fail(page.error());
    if (!page->contains("items") || !(*page)["items"].is_array()) (*page)["items"] = Json::array();
    std::string following = meta_string(*page, "continue");
    if (!following.empty() && following == next)
      co_return fail(Errc::kCorrupt, kind.path(selection.ns) + ": the list goes round in a circle");
    next = std::move(following);
    // A server leaves them out of the items of its own kinds; an object got by itself or watched has them.
    for (Json& item : (*page)["items"]) {
      if (!item.is_object()) continue;
      item.emplace("apiVersion", kind.api_version());
      item.emplace("kind", kind.kind);
    }
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
  HttpCall call = watch_call(kind, selection, resource_version, whole_seconds(options_.watch_duration));
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
  const aio::TimerId silence =
      reactor_.call_after(options_.watch_duration + options_.watch_grace, [stop] { stop(); });
  const HttpReply reply = co_await completion.wait();
  reactor_.cancel(silence);
  on_cancel.reset();
  on_stop.reset();
  gate_.leave();
  ++requests_[{"WATCH", reply.status}];
  if (cancel.is_cancelled() || stopping_.is_cancelled())
    co_return fail(Errc::kCancelled, "the watch is cancelled");
  if (lines->error()) co_return fail(*lines->error());
  if (reply.status == 0) {
    reset_connections();
    // A cut stream that carried events ended as streams do; one that did not is worth a back-off.
    if (lines->has_events()) co_return Result<>();
    co_return fail(to_error(call, reply));
  }
  if (reply.status == 200) co_return Result<>();
  if (reply.retry_after_s > 0) {
    CO_TRY(co_await aio::sleep_for(
        reactor_, std::min<base::Duration>(base::seconds(reply.retry_after_s), kRetryAfterMax), cancel));
  }
  co_return fail(to_error(call, reply));
}

aio::Task<Result<Json>> HttpKubeClient::create(Kind kind, Json object) {
  co_return co_await call_json(create_call(kind, object));
}

aio::Task<Result<Json>> HttpKubeClient::apply(Kind kind, Json object, ApplyOptions options) {
  co_return co_await call_json(apply_call(kind, object, options));
}

aio::Task<Result<Json>> HttpKubeClient::merge_patch(Kind kind, std::string ns, std::string name, Json patch,
                                                    std::string subresource) {
  co_return co_await call_json(merge_patch_call(kind, ns, name, patch, subresource));
}

aio::Task<Result<>> HttpKubeClient::remove(Kind kind, std::string ns, std::string name,
                                           DeleteOptions options) {
  auto done = co_await call_json(remove_call(kind, ns, name, options));
  if (!done && done.error().code() != Errc::kNotFound) co_return fail(done.error());
  co_return Result<>();
}

}  // namespace penstock::kube
