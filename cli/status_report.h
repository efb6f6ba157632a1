// What `penstock status` shows, made from the objects that the API server has.
//
// The JSON of `status -o json` is a contract; fields are only ever added:
//   {"clusters": [{"namespace", "name", "clusterId", "ready": bool, "bootstrapServers", "replicas",
//                  "readyReplicas", "generation", "observedGeneration", "conditions": [...],
//                  "controllerId", "fencedBrokers", "underReplicatedPartitions", "underMinISRPartitions",
//                  "offlinePartitions", "lastFailover": {"milliseconds", "brokerId", "time"}, "rollout":
//                  {...}, "brokers": [{"id", "pod", "pid", "address", "phase", "ready": bool, "fenced",
//                  "restarts"}]}],
//    "topics":   [{"namespace", "name", "topicName", "topicId", "cluster", "ready": bool, "partitions",
//                  "replicationFactor", "reassignment": {"partitionsTotal", "partitionsRemaining"},
//                  "generation", "observedGeneration", "conditions": [...]}]}
// conditions are {"type", "status", "reason", "message", "lastTransitionTime"}. What is not known is null.
// `bootstrapServers` is the address for clients where the command runs, if the Service has one there; else
// the name within the cluster. `pid` is known where the local runtime runs the pods. Threads: pure functions.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace penstock::cli {

// The lists as KubeClient::list() returns them.
nlohmann::json status_report(const nlohmann::json& clusters, const nlohmann::json& topics,
                             const nlohmann::json& pods, const nlohmann::json& services);

// The same for people.
std::string status_text(const nlohmann::json& report);

}  // namespace penstock::cli
