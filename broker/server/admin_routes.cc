// What the admin port answers: health for probes, metrics for Prometheus, and /v1 (admin_api.h).
#include <fmt/core.h>

#include "broker/server/broker_parts.h"

namespace penstock::server {

namespace {

constexpr std::int64_t kTokenBytesMax = 4096;
constexpr std::string_view kSpace = " \t\r\n";

base::Result<std::string> read_token(base::Disk& disk, const std::string& path) {
  if (path.empty()) return std::string();
  auto bytes = base::read_file(disk, path, kTokenBytesMax);
  if (!bytes) return base::fail(bytes.error().context("config penstock.admin.token.file"));
  std::string_view text = base::as_text(*bytes);
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (text.empty()) {
    return base::fail(base::Errc::kInvalidArgument,
                      fmt::format("config penstock.admin.token.file: {} is empty", path));
  }
  return std::string(text);
}

}  // namespace

void Broker::Parts::add_gauges() {
  metrics.add_gauge("penstock_ready", "1 while this broker is unfenced and serves requests.",
                    [this] { return is_ready ? 1.0 : 0.0; });
  metrics.add_gauge("penstock_topics", "Topics in the cluster.",
                    [this] { return static_cast<double>(metadata->images().current()->topic_count()); });
  metrics.add_gauge("penstock_brokers", "Registered brokers in the cluster.",
                    [this] { return static_cast<double>(metadata->images().current()->brokers().size()); });
  metrics.add_gauge("penstock_metadata_offset", "The newest metadata record that this broker knows.", [this] {
    return static_cast<double>(metadata->images().current()->last_offset().value());
  });
  metrics.add_gauge("penstock_active_controller", "1 while this node is the active controller.",
                    [this] { return metadata->is_active_controller() ? 1.0 : 0.0; });
  metrics.add_gauge("penstock_under_replicated_partitions", "Partitions with replicas that are not in sync.",
                    [this] { return static_cast<double>(admin_api->health().under_replicated); });
  metrics.add_gauge("penstock_under_min_isr_partitions", "Partitions below their min.insync.replicas.",
                    [this] { return static_cast<double>(admin_api->health().under_min_isr); });
  metrics.add_gauge("penstock_offline_partitions", "Partitions without a leader.",
                    [this] { return static_cast<double>(admin_api->health().offline); });
}

base::Result<> Broker::Parts::start_admin() {
  if (server.admin_listener().empty()) return {};
  TRY_ASSIGN(const ListenerAddress address,
             parse_host_port("penstock.admin.listener", server.admin_listener()));
  AdminAccess access{.is_loopback = address.host.starts_with("127.") || address.host == "::1"};
  TRY_ASSIGN(access.token, read_token(environment->disk(), server.admin_token_file()));
  admin_api = std::make_unique<AdminApi>(AdminApi::Parts{.reactor = environment->control(),
                                                         .metadata = *metadata,
                                                         .configs = *config_view,
                                                         .lifecycle = lifecycle.get(),
                                                         .node = kafka::NodeId(metadata_config.node_id()),
                                                         .incarnation = incarnation_id,
                                                         .state = [this] { return state(); }},
                                         std::move(access));
  add_gauges();
  auto route = [this](net::HttpRequest request) { return answer_admin(std::move(request)); };
  TRY_ASSIGN(admin, environment->serve_http(address.host, address.port, std::move(route)));
  return {};
}

std::string_view Broker::Parts::state() const {
  if (is_stopping) return "stopping";
  if (!is_ready) return "starting";
  return is_broker && lifecycle->is_fenced() ? "fenced" : "running";
}

aio::Task<net::HttpReply> Broker::Parts::answer_admin(net::HttpRequest request) {
  if (request.target.starts_with("/v1/")) co_return co_await admin_api->answer(std::move(request));
  if (request.method != "GET") co_return net::HttpReply{.status = 405, .body = "only GET\n"};
  co_return answer_open(request.target);
}

net::HttpReply Broker::Parts::answer_open(std::string_view path) const {
  if (path == "/healthz") {
    if (!has_failed()) return {.body = "ok\n"};
    return {.status = 500, .body = "the disk has failed; see this broker's log\n"};
  }
  if (path == "/readyz") {
    const bool has_leader = is_broker || metadata->raft().leader() != kafka::kNoNode;
    if (is_ready && has_leader) return {.body = "ready\n"};
    return {.status = 503,
            .body = is_broker ? "not registered and unfenced yet\n" : "the quorum has no leader yet\n"};
  }
  if (path == "/metrics")
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics.text()};
  return {.status = 404, .body = "there are /healthz, /readyz, /metrics and /v1\n"};
}

}  // namespace penstock::server
