#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/session.h"
#include "cli/status_report.h"
#include "operator/kube/http_client.h"

namespace penstock::cli {

namespace {

using base::Errc;
using base::Result;
using kube::HttpKubeClient;

constexpr OptionSpec kOptions[] = {
    {"output", "FORMAT", "text or json [text].", 'o'},
    {"namespace", "NS", "Only this namespace; all if left out.", 'n'},
    {"kubeconfig", "FILE",
     "Where Kubernetes is [$KUBECONFIG, $PENSTOCK_HOME/kubeconfig, .penstock/kubeconfig]."},
};

// A kind that the server does not have yet is an empty list.
aio::Task<Result<kube::Json>> list_or_empty(HttpKubeClient& client, kube::Kind kind, std::string ns) {
  kube::Selection selection;
  selection.ns = std::move(ns);
  auto found = co_await client.list(kind, std::move(selection));
  if (!found && found.error().code() == Errc::kNotFound) co_return kube::Json::object();
  co_return found;
}

aio::Task<Result<kube::Json>> collect(HttpKubeClient& client, std::string ns) {
  const auto clusters = co_await list_or_empty(client, kube::kKafkaClusterKind, ns);
  if (!clusters) co_return clusters;
  const auto topics = co_await list_or_empty(client, kube::kKafkaTopicKind, ns);
  if (!topics) co_return topics;
  const auto pods = co_await list_or_empty(client, kube::kPodKind, ns);
  if (!pods) co_return pods;
  const auto services = co_await list_or_empty(client, kube::kServiceKind, ns);
  if (!services) co_return services;
  co_return status_report(*clusters, *topics, *pods, *services);
}

aio::Task<int> status_main(HttpKubeClient& client, std::string ns, bool is_json) {
  const auto report = co_await collect(client, std::move(ns));
  if (!report) {
    fmt::print(stderr, "penstock status: {}: {}\n", client.credentials().server, report.error().what());
    co_return 1;
  }
  fmt::print("{}", is_json ? report->dump(2) + "\n" : status_text(*report));
  co_return 0;
}

Result<int> run_status(const Options& options) {
  const std::string format = options.value_or("output", "text");
  if (format != "text" && format != "json") {
    return base::fail(Errc::kInvalidArgument, fmt::format("--output is text or json, not '{}'", format));
  }
  auto credentials = credentials_of(options);
  if (!credentials) {
    fmt::print(stderr, "penstock status: {}\n", credentials.error().what());
    return 1;
  }
  return run_with_kube(std::move(*credentials), [ns = options.value_or("namespace", ""), format](
                                                    HttpKubeClient& client, aio::Reactor&) {
    return status_main(client, ns, format == "json");
  });
}

}  // namespace

extern const Command status_command;
const Command status_command = {
    .name = "status",
    .tool_name = "",
    .summary = "Show clusters, their brokers, and topics.",
    .synopsis = "[-o json] [-n NAMESPACE]",
    .details =
        "The JSON has clusters[] (namespace, name, clusterId, ready, bootstrapServers, replicas, "
        "readyReplicas,\n"
        "generation, observedGeneration, conditions[], controllerId, fencedBrokers,\n"
        "underReplicatedPartitions, underMinISRPartitions, offlinePartitions, lastFailover, rollout,\n"
        "brokers[] of id, pod, pid, address, phase, ready, fenced, restarts) and topics[] (namespace, name,\n"
        "topicName, topicId, cluster, ready, partitions, replicationFactor, reassignment, generation,\n"
        "observedGeneration, conditions[]). What is not known is null.",
    .options = kOptions,
    .run = run_status,
};

}  // namespace penstock::cli
