// What the admin port answers under /v1: the cluster as this broker knows it, stop reservations, and the word
// that a broker's process has ended.
//
//   GET    /v1/broker                  this process
//   GET    /v1/cluster                 from this node's metadata
//   POST   /v1/stop-reservations       {"brokerId": N, "holder": "text"}
//   DELETE /v1/stop-reservations/N
//   POST   /v1/dead-brokers            {"brokerId": N, "epoch": E}
// The last three are the active controller's; elsewhere 421 says who that is.
//
// Threads: the control reactor. Lifetime: what it is built from outlives it.
#pragma once

#include <string>

#include "base/aio/task.h"
#include "base/uuid.h"
#include "broker/metadata/broker_lifecycle.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/metadata_node.h"
#include "broker/metadata/partition_health.h"
#include "broker/net/http_server.h"

namespace penstock::server {

// Who may ask: whoever has the token; without a token anybody, and then only on a loopback address.
struct AdminAccess {
  std::string token;
  bool is_loopback = false;

  // nullopt when the request may go on.
  std::optional<net::HttpReply> refuse(const net::HttpRequest& request) const;
};

class AdminApi {
 public:
  struct Parts {
    aio::Reactor& reactor;
    metadata::MetadataNode& metadata;
    const metadata::BrokerConfigView& configs;
    const metadata::BrokerLifecycle* lifecycle = nullptr;  // Null without the broker role.
    kafka::NodeId node{};
    base::Uuid incarnation{};
    std::function<std::string_view()> state;  // Of this process, in one word.
  };
  AdminApi(Parts parts, AdminAccess access) : parts_(std::move(parts)), access_(std::move(access)) {}

  aio::Task<net::HttpReply> answer(net::HttpRequest request);
  // Counted once for each image.
  const metadata::PartitionHealth& health();

 private:
  net::HttpReply describe_broker() const;
  net::HttpReply describe_cluster();
  net::HttpReply reserve_stop(const std::string& body);
  net::HttpReply release_stop(std::string_view broker);
  aio::Task<net::HttpReply> fence_dead(std::string body);
  net::HttpReply not_controller() const;

  const Parts parts_;
  const AdminAccess access_;
  metadata::ImagePtr counted_;
  metadata::PartitionHealth health_;
};

}  // namespace penstock::server
