#include "broker/server/admin_api.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "broker/server/json_text.h"

namespace penstock::server {

namespace {

constexpr std::size_t kHolderBytesMax = 256;
constexpr std::string_view kReservations = "/v1/stop-reservations";

net::HttpReply json(int status, std::string body) {
  return {.status = status, .content_type = "application/json", .body = std::move(body) + "\n"};
}

net::HttpReply refusal(int status, std::string_view why) {
  return json(status, fmt::format(R"({{"error":{}}})", json_string(why)));
}

// Takes as long for a wrong token as for the right one.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

base::Result<kafka::NodeId> read_broker(const std::map<std::string, std::string>& object) {
  TRY_ASSIGN(const std::int64_t id, json_integer(object, "brokerId"));
  if (id < 0 || id > INT32_MAX)
    return base::fail(base::Errc::kInvalidArgument, "brokerId: not the id of a broker");
  return kafka::NodeId(static_cast<std::int32_t>(id));
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string broker_text(const metadata::BrokerRegistration& broker) {
  std::string text =
      fmt::format(R"({{"id":{},"epoch":{},"incarnation":{},"fenced":{},"inControlledShutdown":{})", broker.id,
                  broker.epoch, json_string(broker.incarnation_id.to_string()), broker.is_fenced,
                  broker.in_controlled_shutdown);
  if (broker.rack) text += fmt::format(R"(,"rack":{})", json_string(*broker.rack));
  return text + "}";
}

std::string failover_text(const std::optional<metadata::LastFailover>& failover) {
  if (!failover) return "null";
  return fmt::format(R"({{"ms":{},"brokerId":{},"atMs":{}}})", failover->ms, failover->broker,
                     failover->at_wall_ms);
}

}  // namespace

std::optional<net::HttpReply> AdminAccess::refuse(const net::HttpRequest& request) const {
  if (request.has_origin) return refusal(403, "not for pages in a browser");
  if (token.empty()) {
    if (is_loopback) return std::nullopt;
    return refusal(403, "set penstock.admin.token.file, or listen on a loopback address");
  }
  if (is_same(request.authorization, "Bearer " + token)) return std::nullopt;
  return refusal(401, "the header 'Authorization: Bearer TOKEN' is needed");
}

const metadata::PartitionHealth& AdminApi::health() {
  auto image = parts_.metadata.images().current();
  if (image != counted_) {
    health_ = metadata::partition_health(*image, parts_.configs);
    counted_ = std::move(image);
  }
  return health_;
}

aio::Task<net::HttpReply> AdminApi::answer(net::HttpRequest request) {
  if (auto refused = access_.refuse(request)) co_return std::move(*refused);
  const std::string_view target = request.target;
  const auto is = [&](std::string_view method, std::string_view path) {
    return request.method == method && target == path;
  };
  if (is("GET", "/v1/broker")) co_return describe_broker();
  if (is("GET", "/v1/cluster")) co_return describe_cluster();
  if (is("POST", kReservations)) co_return reserve_stop(request.body);
  if (is("POST", "/v1/dead-brokers")) co_return co_await fence_dead(std::move(request.body));
  if (request.method == "DELETE" && target.starts_with(kReservations) &&
      target.substr(kReservations.size()).starts_with('/')) {
    co_return release_stop(target.substr(kReservations.size() + 1));
  }
  co_return refusal(404, "there are /v1/broker, /v1/cluster, /v1/stop-reservations and /v1/dead-brokers");
}

net::HttpReply AdminApi::describe_broker() const {
  const auto epoch = parts_.lifecycle == nullptr ? kafka::kNoBrokerEpoch : parts_.lifecycle->epoch();
  return json(200, fmt::format(R"({{"id":{},"epoch":{},"incarnation":{},"state":{}}})", parts_.node, epoch,
                               json_string(parts_.incarnation.to_string()), json_string(parts_.state())));
}

net::HttpReply AdminApi::describe_cluster() {
  const metadata::PartitionHealth& counted = health();
  const auto& raft = parts_.metadata.raft();
  std::string brokers;
  for (const auto& [id, broker] : counted_->brokers()) {
    if (!brokers.empty()) brokers += ',';
    brokers += broker_text(*broker);
  }
  std::string voters;
  for (const raft::Voter& voter : raft.voters()) {
    voters += fmt::format("{}{}", voters.empty() ? "" : ",", voter.key.id);
  }
  return json(
      200,
      fmt::format(R"({{"controllerId":{},"controllerEpoch":{},"isActiveController":{},)"
                  R"("metadataOffset":{},"voters":[{}],"brokers":[{}],"underReplicatedPartitions":{},)"
                  R"("underMinIsrPartitions":{},"offlinePartitions":{},"lastFailover":{}}})",
                  raft.leader(), raft.epoch(), parts_.metadata.is_active_controller(),
                  counted_->last_offset(), voters, brokers, counted.under_replicated, counted.under_min_isr,
                  counted.offline, failover_text(parts_.metadata.last_failover())));
}

net::HttpReply AdminApi::not_controller() const {
  return json(421, fmt::format(R"({{"controllerId":{}}})", parts_.metadata.raft().leader()));
}

net::HttpReply AdminApi::reserve_stop(const std::string& body) {
  const auto object = read_json_object(body);
  if (!object) return refusal(400, object.error().what());
  const auto broker = read_broker(*object);
  if (!broker) return refusal(400, broker.error().what());
  const auto holder = object->find("holder");
  if (holder == object->end() || holder->second.empty() || holder->second.size() > kHolderBytesMax ||
      !is_printable(holder->second)) {
    return refusal(400, "holder: 1 to 256 printable characters are needed");
  }
  const auto answer = parts_.metadata.reserve_stop(*broker, holder->second);
  if (!answer) return not_controller();
  if (!answer->is_granted) {
    return json(409, fmt::format(R"({{"granted":false,"reason":{}}})", json_string(answer->reason)));
  }
  const auto left =
      std::chrono::duration_cast<base::milliseconds>(answer->expires - parts_.reactor.now()).count();
  return json(200, fmt::format(R"({{"granted":true,"expiresMs":{}}})", parts_.reactor.wall_ms() + left));
}

net::HttpReply AdminApi::release_stop(std::string_view text) {
  std::int32_t id = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (code != std::errc{} || end != text.data() + text.size() || id < 0)
    return refusal(404, "not the id of a broker");
  const auto released = parts_.metadata.release_stop(kafka::NodeId(id));
  if (!released) return not_controller();
  return json(200, fmt::format(R"({{"released":{}}})", *released));
}

aio::Task<net::HttpReply> AdminApi::fence_dead(std::string body) {
  const auto object = read_json_object(body);
  if (!object) co_return refusal(400, object.error().what());
  const auto broker = read_broker(*object);
  if (!broker) co_return refusal(400, broker.error().what());
  const auto epoch = json_integer(*object, "epoch");
  if (!epoch) co_return refusal(400, epoch.error().what());
  const auto dead = co_await parts_.metadata.fence_dead(*broker, kafka::BrokerEpoch(*epoch));
  if (!dead) co_return not_controller();
  std::string text = fmt::format(R"({{"fenced":{})", dead->is_fenced);
  if (!dead->reason.empty()) text += fmt::format(R"(,"reason":{})", json_string(dead->reason));
  co_return json(200, text + "}");
}

}  // namespace penstock::server
