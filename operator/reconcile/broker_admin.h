// What the reconcilers ask of a broker's admin port (its /v1; docs/operations.md). The real one is
// HttpBrokerAdmin; tests have a fake.
//
// Threads: one reactor.
// ERRORS of every call: kUnavailable and kTimedOut when nothing answered; kConflict when the broker is not
// the active controller that was asked for; kPermissionDenied; kNotFound when it has no such route; kCorrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/task.h"
#include "base/error.h"

namespace penstock::reconcile {

// A broker's admin port, and what it asks for.
struct AdminPort {
  std::string host;
  std::string token;
};

struct ClusterView {
  struct Broker {
    std::int32_t id = -1;
    std::int64_t epoch = -1;
    bool is_fenced = false;
    bool is_shutting_down = false;
  };
  struct Failover {
    std::int64_t ms = 0;
    std::int32_t broker = -1;
    std::int64_t at_wall_ms = 0;
  };

  std::int32_t controller = -1;  // -1: this broker knows none.
  bool is_active_controller = false;
  std::vector<Broker> brokers;
  std::vector<std::int32_t> voters;  // Of the metadata quorum.
  std::int64_t under_replicated = 0;
  std::int64_t under_min_isr = 0;
  std::int64_t offline = 0;
  std::optional<Failover> last_failover;

  // Null when it is not registered.
  const Broker* find(std::int32_t id) const;
  // Registered, and neither fenced nor about to stop.
  bool is_serving(std::int32_t id) const;
};

struct BrokerProcess {
  std::int32_t id = -1;
  std::int64_t epoch = -1;  // -1: not registered yet.
};

struct StopAnswer {
  bool is_granted = false;
  std::string reason;  // Why not, for people.
};

class BrokerAdmin {
 public:
  virtual ~BrokerAdmin() = default;
  virtual aio::Task<base::Result<ClusterView>> describe_cluster(AdminPort port) = 0;
  virtual aio::Task<base::Result<BrokerProcess>> describe_broker(AdminPort port) = 0;
  // The rest at the active controller.
  virtual aio::Task<base::Result<StopAnswer>> reserve_stop(AdminPort port, std::int32_t broker,
                                                           std::string holder) = 0;
  virtual aio::Task<base::Result<>> release_stop(AdminPort port, std::int32_t broker) = 0;
  // Whether the broker was fenced for it.
  virtual aio::Task<base::Result<bool>> report_dead(AdminPort port, BrokerProcess process) = 0;
};

}  // namespace penstock::reconcile
