#include "cli/status_report.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <re2/re2.h>
#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "operator/resources/conditions.h"

namespace penstock::cli {

using Json = nlohmann::json;

namespace {

constexpr const char* kPidAnnotation = "penstock.dev/pid";

// object.a.b.c, or null where something on the way is missing.
const Json& at(const Json& object, std::initializer_list<const char*> path) {
  static const Json kNull;
  const Json* here = &object;
  for (const char* name : path) {
    if (!here->is_object()) return kNull;
    const auto found = here->find(name);
    if (found == here->end()) return kNull;
    here = &*found;
  }
  return *here;
}

Json number_of(const Json& value) {
  if (value.is_number()) return value;
  if (!value.is_string()) return nullptr;
  const auto& text = value.get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? Json(number) : Json(nullptr);
}

Json conditions_of(const Json& object) {
  Json result = Json::array();
  for (const Json& condition : at(object, {"status", "conditions"})) {
    result.push_back({{"type", at(condition, {"type"})},
                      {"status", at(condition, {"status"})},
                      {"reason", at(condition, {"reason"})},
                      {"message", at(condition, {"message"})},
                      {"lastTransitionTime", at(condition, {"lastTransitionTime"})}});
  }
  return result;
}

// What clusters and topics have in common.
Json common_of(const Json& object) {
  return {{"namespace", at(object, {"metadata", "namespace"})},
          {"name", at(object, {"metadata", "name"})},
          {"generation", at(object, {"metadata", "generation"})},
          {"observedGeneration", at(object, {"status", "observedGeneration"})},
          {"ready", resources::is_condition_true(object, "Ready")},
          {"conditions", conditions_of(object)}};
}

// By namespace and name.
using ObjectsByName = std::map<std::pair<std::string, std::string>, const Json*>;

const Json& find_object(const ObjectsByName& objects, const std::string& ns, const std::string& name) {
  static const Json kNull;
  const auto found = objects.find({ns, name});
  return found == objects.end() ? kNull : *found->second;
}

// "NAME.NAMESPACE.svc:PORT" is for clients within the cluster. From outside it is where the Service's load
// balancer is, if it has one: the local runtime serves it on this machine.
Json bootstrap_from_here(const Json& in_cluster, const ObjectsByName& services) {
  static const RE2 kServiceName(R"(([^.,:]+)\.([^.,:]+)\.svc(:\d+))");
  const std::string text = in_cluster.is_string() ? in_cluster.get<std::string>() : "";
  std::string name, ns, port;
  if (!RE2::FullMatch(text, kServiceName, &name, &ns, &port)) return in_cluster;
  const Json& ingress = at(find_object(services, ns, name), {"status", "loadBalancer", "ingress"});
  if (!ingress.is_array() || ingress.empty()) return in_cluster;
  for (const char* field : {"hostname", "ip"}) {
    if (const Json& host = at(ingress.front(), {field}); host.is_string())
      return host.get<std::string>() + port;
  }
  return in_cluster;
}

Json broker_of(const Json& broker, const std::string& ns, const ObjectsByName& pods) {
  const Json& name = at(broker, {"pod"});
  const Json& pod = find_object(pods, ns, name.is_string() ? name.get<std::string>() : "");
  return {
      {"id", at(broker, {"id"})},
      {"pod", name},
      {"pid", number_of(at(pod, {"metadata", "annotations", kPidAnnotation}))},
      {"address", at(broker, {"address"}).is_null() ? at(pod, {"status", "podIP"}) : at(broker, {"address"})},
      {"phase", at(pod, {"status", "phase"})},
      {"ready", at(broker, {"ready"}) == Json(true)},
      {"fenced", at(broker, {"fenced"})},
      {"restarts", at(broker, {"restarts"})}};
}

Json cluster_of(const Json& object, const ObjectsByName& pods, const ObjectsByName& services) {
  Json cluster = common_of(object);
  const Json& status = at(object, {"status"});
  for (const char* field :
       {"clusterId", "readyReplicas", "controllerId", "fencedBrokers", "underReplicatedPartitions",
        "underMinISRPartitions", "offlinePartitions", "lastFailover", "rollout"}) {
    cluster[field] = at(status, {field});
  }
  cluster["bootstrapServers"] = bootstrap_from_here(at(status, {"bootstrapServers"}), services);
  cluster["replicas"] =
      at(status, {"replicas"}).is_null() ? at(object, {"spec", "replicas"}) : at(status, {"replicas"});
  cluster["brokers"] = Json::array();
  const std::string ns = cluster["namespace"].is_string() ? cluster["namespace"].get<std::string>() : "";
  for (const Json& broker : at(status, {"brokers"}))
    cluster["brokers"].push_back(broker_of(broker, ns, pods));
  return cluster;
}

Json topic_of(const Json& object) {
  Json topic = common_of(object);
  for (const char* field : {"topicName", "topicId", "partitions", "replicationFactor", "reassignment"}) {
    topic[field] = at(object, {"status", field});
  }
  topic["cluster"] = at(object, {"spec", "clusterRef", "name"});
  return topic;
}

std::string cell(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The objects stay in `list`.
ObjectsByName by_name(const Json& list) {
  ObjectsByName objects;
  for (const Json& object : at(list, {"items"})) {
    objects[{cell(at(object, {"metadata", "namespace"})), cell(at(object, {"metadata", "name"}))}] = &object;
  }
  return objects;
}

// How the partitions are, as the brokers told the operator; empty when they did not.
std::string partitions_text(const Json& cluster) {
  if (cluster.at("controllerId").is_null()) return "";
  std::string text =
      fmt::format("  controller {}; partitions: {} under-replicated, {} below min ISR, {} offline",
                  cell(cluster.at("controllerId")), cell(cluster.at("underReplicatedPartitions")),
                  cell(cluster.at("underMinISRPartitions")), cell(cluster.at("offlinePartitions")));
  const Json& failover = cluster.at("lastFailover");
  if (!failover.is_null()) {
    text += fmt::format("; last failover in {} ms at {}", cell(at(failover, {"milliseconds"})),
                        cell(at(failover, {"time"})));
  }
  return text + "\n";
}

// Why it is not ready, else empty.
std::string trouble_of(const Json& object) {
  for (const Json& condition : object.at("conditions")) {
    if (condition.at("type") != "Ready" || condition.at("status") == "True") continue;
    const std::string message = cell(condition.at("message"));
    return cell(condition.at("reason")) + (message.empty() ? "" : ": " + message);
  }
  return object.at("ready") == Json(true) ? "" : "not seen by the operator yet";
}

}  // namespace

Json status_report(const Json& clusters, const Json& topics, const Json& pods, const Json& services) {
  const ObjectsByName pods_by_name = by_name(pods);
  const ObjectsByName services_by_name = by_name(services);
  Json report = {{"clusters", Json::array()}, {"topics", Json::array()}};
  for (const Json& cluster : at(clusters, {"items"}))
    report["clusters"].push_back(cluster_of(cluster, pods_by_name, services_by_name));
  for (const Json& topic : at(topics, {"items"})) report["topics"].push_back(topic_of(topic));
  const auto by_key = [](const Json& a, const Json& b) {
    return std::pair(cell(a.at("namespace")), cell(a.at("name"))) <
           std::pair(cell(b.at("namespace")), cell(b.at("name")));
  };
  for (const char* list : {"clusters", "topics"}) std::sort(report[list].begin(), report[list].end(), by_key);
  return report;
}

std::string status_text(const Json& report) {
  std::string text;
  for (const Json& cluster : report.at("clusters")) {
    const std::string trouble = trouble_of(cluster);
    text += fmt::format("KafkaCluster {}/{}: {}\n", cell(cluster.at("namespace")), cell(cluster.at("name")),
                        trouble.empty() ? "Ready" : trouble);
    text += fmt::format("  bootstrap {}, cluster id {}\n", cell(cluster.at("bootstrapServers")),
                        cell(cluster.at("clusterId")));
    text += partitions_text(cluster);
    Columns brokers({"BROKER", "POD", "PID", "ADDRESS", "READY", "FENCED", "PHASE", "RESTARTS"});
    for (const Json& broker : cluster.at("brokers")) {
      brokers.add({cell(broker.at("id")), cell(broker.at("pod")), cell(broker.at("pid")),
                   cell(broker.at("address")), cell(broker.at("ready")), cell(broker.at("fenced")),
                   cell(broker.at("phase")), cell(broker.at("restarts"))});
    }
    if (!cluster.at("brokers").empty()) text += brokers.text("  ");
    text += "\n";
  }
  if (report.at("clusters").empty()) text += "No KafkaClusters.\n";
  Columns topics({"TOPIC", "NAMESPACE", "CLUSTER", "PARTITIONS", "RF", "READY", "STATUS"});
  for (const Json& topic : report.at("topics")) {
    topics.add({cell(topic.at("topicName")).empty() ? cell(topic.at("name")) : cell(topic.at("topicName")),
                cell(topic.at("namespace")), cell(topic.at("cluster")), cell(topic.at("partitions")),
                cell(topic.at("replicationFactor")), cell(topic.at("ready")), trouble_of(topic)});
  }
  text += report.at("topics").empty() ? "No KafkaTopics.\n" : topics.text();
  return text;
}

}  // namespace penstock::cli
