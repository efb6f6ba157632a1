// What a pod's ordinal makes of the properties that all pods of a StatefulSet share: its node id, whether it
// has the controller role, and the ports that it advertises.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"

namespace penstock::server {

struct PodOptions {
  std::optional<std::string> pod_name{};  // "demo-2"; without it the properties stay as they are.
  std::int32_t node_id_base = 0;
  // Pods of a lower ordinal are controllers too, the others brokers only. None: as the properties say.
  std::optional<std::int32_t> controllers{};
  // Listeners whose advertised port is raised by the ordinal, for clients that reach every pod at one host.
  std::vector<std::string> ports_by_ordinal{};
};

// ERRORS: kInvalidArgument naming the option or the property.
base::Result<> apply_ordinal(const PodOptions& options, base::Properties& properties);

}  // namespace penstock::server
