// A Lease as leader election sees it, and its form in the API.
//
// Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
// Threads: values.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"

namespace penstock::kube {

struct LeaseRecord {
  std::string holder;  // Empty: released.
  std::int64_t duration_s = 0;
  std::string acquire_time;  // As in the API: "2026-01-02T03:04:05.678000Z".
  std::string renew_time;
  std::int64_t transitions = 0;
  std::string resource_version;  // Empty: not stored.

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

// Fields that are missing are empty or 0, as a Lease that somebody made by hand may have them.
LeaseRecord read_lease(const nlohmann::json& object);

// The whole object, to be created.
nlohmann::json new_lease(const std::string& ns, const std::string& name, const LeaseRecord& record);
// What a merge patch makes of it, provided that it still has the record's version.
nlohmann::json lease_patch(const LeaseRecord& record);

// "2026-01-02T03:04:05.678000Z"
std::string micro_time(std::int64_t wall_ms);

}  // namespace penstock::kube
