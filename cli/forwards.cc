#include "cli/forwards.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "operator/resources/desired.h"
#include "operator/resources/read_json.h"

namespace penstock::cli {

using resources::child_of;
using resources::text_or;

base::Result<std::map<int, std::string>> forwards_of(const nlohmann::json& cluster) {
  std::map<int, std::string> forwards;
  const auto brokers = child_of(cluster, "status").value("brokers", nlohmann::json::array());
  for (const auto& broker : brokers) {
    const std::string pod = text_or(broker, "pod");
    int ordinal = -1;
    std::from_chars(pod.data() + pod.rfind('-') + 1, pod.data() + pod.size(), ordinal);
    if (ordinal >= 0) forwards[resources::kClientPort + ordinal] = pod;
  }
  if (forwards.empty()) {
    return base::fail(
        base::Errc::kNotFound,
        "KafkaCluster " + text_or(child_of(cluster, "metadata"), "name") + " has no brokers yet");
  }
  return forwards;
}

std::vector<std::string> kubectl_arguments(const ForwardTarget& target) {
  std::vector<std::string> arguments = {"kubectl"};
  if (!target.kubeconfig.empty()) arguments.push_back("--kubeconfig=" + target.kubeconfig);
  arguments.insert(arguments.end(),
                   {"--namespace=" + target.ns, "port-forward", "pod/" + target.pod,
                    std::to_string(target.port) + ":" + std::to_string(resources::kClientPort)});
  return arguments;
}

}  // namespace penstock::cli
