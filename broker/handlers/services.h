// What the handlers work with, joined by broker/server. All pointers outlive every request.
//
// Threads: each member says for itself; the plain data here does not change while requests are served.
#pragma once

#include <atomic>
#include <memory>
#include <string>

namespace penstock::metadata {
class MetadataImage;
class ImageSource;
class ControllerApi;
class BrokerConfigView;
}  // namespace penstock::metadata
namespace penstock::replication {
class ReplicaManager;
}
namespace penstock::coordinator {
class GroupCoordinators;
}
namespace penstock::security {
class Authorizer;
}

namespace penstock::handlers {

class FetchSessions;
class ProducerIds;

struct Services {
  std::int32_t node_id = -1;
  std::string cluster_id;
  replication::ReplicaManager* replicas = nullptr;
};

}  // namespace penstock::handlers
