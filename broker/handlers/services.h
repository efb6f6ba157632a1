// What the handlers work with, joined by broker/server.
//
// Lifetime: everything pointed to outlives every request.
// Threads: each member says for itself; what stands here does not change while requests are served.
#pragma once

#include <cstdint>
#include <string>

#include "broker/handlers/handler.h"

namespace penstock::metadata {
class BrokerConfigView;
class ControllerApi;
class ImageSource;
}  // namespace penstock::metadata
namespace penstock::raft {
class QuorumService;
}
namespace penstock::replication {
class ReplicaManager;
}
namespace penstock::coordinator {
class GroupCoordinators;
struct GroupConfig;
}  // namespace penstock::coordinator
namespace penstock::security {
class Authorizer;
}

namespace penstock::handlers {

class FetchSessions;
class ProducerIds;
struct HandlerConfig;

// A controller listener has Services of its own: `controller` is then this node, and what only brokers have
// is null.
struct Services {
  std::int32_t node_id = -1;
  std::string cluster_id;
  ListenerKind listener_kind = ListenerKind::kBroker;
  metadata::ImageSource* images = nullptr;
  metadata::ControllerApi* controller = nullptr;
  raft::QuorumService* quorum = nullptr;
  replication::ReplicaManager* replicas = nullptr;
  coordinator::GroupCoordinators* groups = nullptr;
  FetchSessions* fetch_sessions = nullptr;
  ProducerIds* producer_ids = nullptr;
  const security::Authorizer* authorizer = nullptr;
  const metadata::BrokerConfigView* config = nullptr;
  const HandlerConfig* handler_config = nullptr;
  const coordinator::GroupConfig* group_config = nullptr;
};

}  // namespace penstock::handlers
