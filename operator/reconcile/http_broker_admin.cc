#include "operator/reconcile/http_broker_admin.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace penstock::reconcile {
namespace {

using base::Errc;
using base::fail;
using base::Result;
using Json = nlohmann::json;

constexpr std::string_view kHeaderEnd = "\r\n\r\n";

// The status of "HTTP/1.1 200 OK"; 0 when it is none.
int status_of(std::string_view reply) {
  int status = 0;
  const std::size_t blank = reply.find(' ');
  if (!reply.starts_with("HTTP/1.") || blank == std::string_view::npos) return 0;
  std::from_chars(reply.data() + blank + 1, reply.data() + reply.size(), status);
  return status;
}

// The object of an answer that is as documented, or the error that the status stands for.
Result<Json> object_of(int status, const std::string& body, const std::string& what) {
  Json object = Json::parse(body, nullptr, false);
  if (status == 200 || status == 409) {
    if (object.is_object()) return object;
    return fail(Errc::kCorrupt, what + ": the answer is no JSON object");
  }
  if (!object.is_object()) object = Json::object();
  const auto error = object.find("error");
  const std::string words = error != object.end() && error->is_string() ? error->get<std::string>() : "";
  const std::string text = what + ": HTTP " + std::to_string(status) + (words.empty() ? "" : ": " + words);
  if (status == 421) return fail(Errc::kConflict, text);
  if (status == 401 || status == 403) return fail(Errc::kPermissionDenied, text);
  if (status == 404) return fail(Errc::kNotFound, text);
  return fail(status >= 500 ? Errc::kUnavailable : Errc::kCorrupt, text);
}

template <typename T>
T field(const Json& object, const char* name, T fallback) {
  const auto found = object.find(name);
  if (found == object.end()) return fallback;
  if constexpr (std::is_same_v<T, bool>) return found->is_boolean() ? found->get<bool>() : fallback;
  if constexpr (std::is_integral_v<T>) return found->is_number_integer() ? found->get<T>() : fallback;
  if constexpr (std::is_same_v<T, std::string>) return found->is_string() ? found->get<T>() : fallback;
}

ClusterView read_view(const Json& object) {
  ClusterView view;
  view.controller = field(object, "controllerId", -1);
  view.is_active_controller = field(object, "isActiveController", false);
  view.under_replicated = field(object, "underReplicatedPartitions", std::int64_t{0});
  view.under_min_isr = field(object, "underMinIsrPartitions", std::int64_t{0});
  view.offline = field(object, "offlinePartitions", std::int64_t{0});
  const auto brokers = object.find("brokers");
  if (brokers != object.end() && brokers->is_array()) {
    for (const Json& row : *brokers) {
      view.brokers.push_back({field(row, "id", -1), field(row, "epoch", std::int64_t{-1}),
                              field(row, "fenced", false), field(row, "inControlledShutdown", false)});
    }
  }
  if (const auto voters = object.find("voters"); voters != object.end() && voters->is_array()) {
    for (const Json& id : *voters) {
      if (id.is_number_integer()) view.voters.push_back(id.get<std::int32_t>());
    }
  }
  const auto failover = object.find("lastFailover");
  if (failover != object.end() && failover->is_object()) {
    view.last_failover = {field(*failover, "ms", std::int64_t{0}), field(*failover, "brokerId", -1),
                          field(*failover, "atMs", std::int64_t{0})};
  }
  return view;
}

}  // namespace

const ClusterView::Broker* ClusterView::find(std::int32_t id) const {
  const auto found =
      std::find_if(brokers.begin(), brokers.end(), [id](const Broker& one) { return one.id == id; });
  return found == brokers.end() ? nullptr : &*found;
}

bool ClusterView::is_serving(std::int32_t id) const {
  const Broker* broker = find(id);
  return broker != nullptr && !broker->is_fenced && !broker->is_shutting_down;
}

aio::Task<Result<HttpBrokerAdmin::Reply>> HttpBrokerAdmin::call(AdminPort port, std::string method,
                                                                std::string target, std::string body) {
  const base::MonoTime deadline = reactor_.now() + kCallTimeout;
  const std::string where = port.host + ":" + std::to_string(port_) + " " + method + " " + target;
  auto opened = co_await transport_.connect(port.host, port_, deadline);
  if (!opened) co_return fail(opened.error().context(method + " " + target));
  const std::shared_ptr<aio::Stream> stream = std::move(*opened);
  // The stream's own calls have no deadline: it is closed at ours.
  const auto is_late = std::make_shared<bool>(false);
  const aio::TimerId timer = reactor_.call_at(deadline, [stream, is_late] {
    *is_late = true;
    stream->close();
  });
  std::string request =
      method + " " + target + " HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n" +
      "Authorization: Bearer " + port.token +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body;
  auto done = co_await stream->write_all(base::as_bytes(request));
  std::string reply;
  while (done && reply.size() <= kReplyBytesMax) {
    std::uint8_t buffer[4096];
    const auto size = co_await stream->read_some(buffer);
    if (!size) done = fail(size.error());
    if (!size || *size == 0) break;
    reply.append(reinterpret_cast<const char*>(buffer), *size);
  }
  reactor_.cancel(timer);
  stream->close();
  if (*is_late) co_return fail(Errc::kTimedOut, where + ": no answer in time");
  if (!done) co_return fail(Errc::kUnavailable, where + ": " + done.error().what());
  const std::size_t end = reply.find(kHeaderEnd);
  const int status = status_of(reply);
  if (status == 0 || end == std::string::npos || reply.size() > kReplyBytesMax) {
    co_return fail(Errc::kCorrupt, where + ": no HTTP answer of at most 1 MiB");
  }
  co_return Reply{status, reply.substr(end + kHeaderEnd.size())};
}

aio::Task<Result<ClusterView>> HttpBrokerAdmin::describe_cluster(AdminPort port) {
  CO_TRY_ASSIGN(const Reply reply, co_await call(std::move(port), "GET", "/v1/cluster", ""));
  CO_TRY_ASSIGN(const Json object, object_of(reply.status, reply.body, "/v1/cluster"));
  co_return read_view(object);
}

aio::Task<Result<BrokerProcess>> HttpBrokerAdmin::describe_broker(AdminPort port) {
  CO_TRY_ASSIGN(const Reply reply, co_await call(std::move(port), "GET", "/v1/broker", ""));
  CO_TRY_ASSIGN(const Json object, object_of(reply.status, reply.body, "/v1/broker"));
  co_return BrokerProcess{field(object, "id", -1), field(object, "epoch", std::int64_t{-1})};
}

aio::Task<Result<StopAnswer>> HttpBrokerAdmin::reserve_stop(AdminPort port, std::int32_t broker,
                                                            std::string holder) {
  const Json body = {{"brokerId", broker}, {"holder", std::move(holder)}};
  CO_TRY_ASSIGN(const Reply reply,
                co_await call(std::move(port), "POST", "/v1/stop-reservations", body.dump()));
  CO_TRY_ASSIGN(const Json object, object_of(reply.status, reply.body, "/v1/stop-reservations"));
  co_return StopAnswer{field(object, "granted", false), field(object, "reason", std::string())};
}

aio::Task<Result<>> HttpBrokerAdmin::release_stop(AdminPort port, std::int32_t broker) {
  const std::string target = "/v1/stop-reservations/" + std::to_string(broker);
  CO_TRY_ASSIGN(const Reply reply, co_await call(std::move(port), "DELETE", target, ""));
  CO_TRY(object_of(reply.status, reply.body, target));
  co_return Result<>();
}

aio::Task<Result<bool>> HttpBrokerAdmin::report_dead(AdminPort port, BrokerProcess process) {
  const Json body = {{"brokerId", process.id}, {"epoch", process.epoch}};
  CO_TRY_ASSIGN(const Reply reply, co_await call(std::move(port), "POST", "/v1/dead-brokers", body.dump()));
  CO_TRY_ASSIGN(const Json object, object_of(reply.status, reply.body, "/v1/dead-brokers"));
  co_return field(object, "fenced", false);
}

}  // namespace penstock::reconcile
