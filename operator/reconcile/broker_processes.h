// The brokers' processes as they were last seen alive, so that one that ended can be told by its epoch.
//
// A process is known by its pod's uid and how often the container was started. Nothing here is kept over a
// restart of the operator: what it has not seen alive it says nothing of.
// Threads: one reactor. Bounds: one for each pod that is there, and one that is gone for kToldMs at most.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "operator/reconcile/broker_admin.h"
#include "operator/resources/desired.h"

namespace penstock::reconcile {

class BrokerProcesses {
 public:
  // How long the end of a process is worth telling: a session would have ended too.
  static constexpr std::int64_t kToldMs = 60'000;

  struct Known {
    std::string run;  // Of run_of().
    BrokerProcess process;
    std::int64_t ended_ms = -1;  // When its end was seen; -1: it lives.
  };

  // What tells one run of a pod's broker from another; empty when none runs.
  static std::string run_of(const resources::Json& pod);

  // By pod name.
  std::map<std::string, Known>& of(const std::string& cluster_key) { return clusters_[cluster_key]; }
  void forget(const std::string& cluster_key) { clusters_.erase(cluster_key); }

 private:
  std::map<std::string, std::map<std::string, Known>> clusters_;
};

}  // namespace penstock::reconcile
