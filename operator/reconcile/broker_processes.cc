#include "operator/reconcile/broker_processes.h"

#include <nlohmann/json.hpp>

#include "operator/resources/read_json.h"

namespace penstock::reconcile {

std::string BrokerProcesses::run_of(const resources::Json& pod) {
  const auto& status = resources::child_of(pod, "status");
  const auto rows = status.find("containerStatuses");
  if (rows == status.end() || !rows->is_array() || rows->empty()) return {};
  const auto& container = rows->front();
  if (!resources::child_of(container, "state").contains("running")) return {};
  return resources::read_meta(pod).uid + "/" + resources::text_or(container, "containerID") + "/" +
         std::to_string(resources::int_or_none(container, "restartCount").value_or(0));
}

}  // namespace penstock::reconcile
