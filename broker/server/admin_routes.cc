// What the admin port answers: health for probes, metrics for Prometheus.
#include <fmt/core.h>

#include "broker/server/broker_parts.h"

namespace penstock::server {

base::Result<> Broker::Parts::start_admin() {
  if (server.admin_listener().empty()) return {};
  TRY_ASSIGN(const ListenerAddress address,
             parse_host_port("penstock.admin.listener", server.admin_listener()));
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
  TRY_ASSIGN(admin, environment->serve_http(address.host, address.port,
                                            [this](std::string_view path) { return answer_admin(path); }));
  return {};
}

net::HttpReply Broker::Parts::answer_admin(std::string_view path) const {
  if (path == "/healthz") {
    if (!metadata->has_failed()) return {.body = "ok\n"};
    return {.status = 500, .body = "the metadata log has failed; see this broker's log\n"};
  }
  if (path == "/readyz") {
    const bool has_leader = is_broker || metadata->raft().leader() != kafka::kNoNode;
    if (is_ready && has_leader) return {.body = "ready\n"};
    return {.status = 503,
            .body = is_broker ? "not registered and unfenced yet\n" : "the quorum has no leader yet\n"};
  }
  if (path == "/metrics")
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics.text()};
  return {.status = 404, .body = "there are /healthz, /readyz and /metrics\n"};
}

}  // namespace penstock::server
