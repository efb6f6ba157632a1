// Which port of this machine leads to which broker: broker N tells clients that come by its pod's loopback to
// come to localhost and port 9092 + N.
//
// Threads: pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"

namespace penstock::cli {

// Port here to pod, from a KafkaCluster's status.
// ERRORS: kNotFound when no broker is known yet.
base::Result<std::map<int, std::string>> forwards_of(const nlohmann::json& cluster);

struct ForwardTarget {
  std::string kubeconfig;  // Empty: kubectl finds its own.
  std::string ns;
  std::string pod;
  int port = 0;
};
// The command line of the kubectl that carries one of them.
std::vector<std::string> kubectl_arguments(const ForwardTarget& target);

}  // namespace penstock::cli
