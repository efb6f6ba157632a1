#include "operator/resources/first_start.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "base/config.h"
#include "operator/resources/build_json.h"
#include "operator/resources/read_json.h"

namespace penstock::resources {

using base::Errc;
using base::fail;

std::string first_start_name(const KafkaCluster& cluster) { return cluster.meta.name + "-first-start"; }

NodeIds initial_controllers(const ClusterIdentity& identity) {
  NodeIds ids;
  for (std::size_t i = 0; i < identity.directory_ids.size(); ++i)
    ids.insert(identity.node_id_base + static_cast<std::int32_t>(i));
  return ids;
}

Json build_first_start(const KafkaCluster& cluster, const ClusterIdentity& identity,
                       const NodeIds& formatted) {
  std::string controllers;
  for (std::size_t i = 0; i < identity.directory_ids.size(); ++i) {
    const int ordinal = static_cast<int>(i);
    controllers += (controllers.empty() ? "" : ",") + std::to_string(identity.node_id_base + ordinal) + "@" +
                   pod_host(cluster, ordinal) + ":" + std::to_string(kControllerPort) + ":" +
                   identity.directory_ids[i];
  }
  std::string ids;
  for (const std::int32_t id : formatted) ids += (ids.empty() ? "" : ",") + std::to_string(id);
  Json object = object_of(cluster, "v1", "ConfigMap", first_start_name(cluster), "first-start");
  object["data"][kFirstStartFile] = "initial.controllers=" + controllers + "\nformatted=" + ids + "\n";
  return object;
}

base::Result<NodeIds> read_formatted(const Json& config_map) {
  const std::string text = text_or(child_of(config_map, "data"), kFirstStartFile);
  const auto properties = base::parse_properties(text);
  if (!properties) return fail(properties.error().context(kFirstStartFile));
  const auto found = properties->find("formatted");
  if (found == properties->end())
    return fail(Errc::kCorrupt, std::string(kFirstStartFile) + " does not say who is formatted");
  NodeIds ids;
  std::string_view rest = found->second;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    std::int32_t id = 0;
    const auto parsed = std::from_chars(one.data(), one.data() + one.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != one.data() + one.size())
      return fail(Errc::kCorrupt,
                  std::string(kFirstStartFile) + ": '" + std::string(one) + "' is no node id");
    ids.insert(id);
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return ids;
}

}  // namespace penstock::resources
