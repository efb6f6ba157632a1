#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/reassignment.h"
#include "operator/reconcile/topic_context.h"
#include "operator/resources/kafka_cluster.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

constexpr const char* kMinIsr = "min.insync.replicas";

// A value as Kafka gives it back: blanks around commas and the case of booleans do not count.
std::string canonical(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c != ' ') text += c;
  }
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "true" || lower == "false" ? lower : text;
}

// The replicas that the topic will be given.
std::int32_t replicas_of(const TopicContext& context) {
  if (context.topic.replication_factor) return *context.topic.replication_factor;
  if (context.state) return context.state->replication_factor;
  const Json& object = context.deps.store.clusters.find(context.topic.meta.ns, context.topic.cluster_name);
  const auto cluster = resources::KafkaCluster::parse(object);
  return cluster ? cluster->default_replication_factor() : 1;
}

// While a cluster starts, fewer brokers serve than it will have.
bool has_brokers_to_come(const TopicContext& context, std::int32_t replicas) {
  const auto& meta = context.topic.meta;
  const auto cluster =
      resources::KafkaCluster::parse(context.deps.store.clusters.find(meta.ns, context.topic.cluster_name));
  const auto pods = broker_pods(context.deps, meta.ns, context.topic.cluster_name);
  const auto ready =
      std::count_if(pods.begin(), pods.end(), [](const Json* pod) { return is_pod_ready(*pod); });
  return cluster && ready < std::min(replicas, cluster->replicas);
}

// While replicas are being added, a min.insync.replicas that they do not reach yet would stop writers.
bool is_too_early(const TopicContext& context, const std::string& min_isr) {
  const auto& layout = context.state->layout;
  const auto is_short = [&](const PartitionState& partition) {
    const bool is_settled =
        !partition.is_moving() &&
        context.topic.replication_factor.value_or(0) == static_cast<std::int32_t>(partition.replicas.size());
    return !is_settled && static_cast<int>(partition.isr.size()) < std::stoi(min_isr);
  };
  return context.topic.replication_factor && std::any_of(layout.begin(), layout.end(), is_short);
}

}  // namespace

base::Result<StepOutcome> refused_or_failed(TopicContext& context, const base::Error& error,
                                            std::string reason, const std::string& field) {
  const bool is_refusal =
      error.code() == base::Errc::kInvalidArgument || error.code() == base::Errc::kPermissionDenied;
  if (!is_refusal) {
    context.is_kafka_silent = is_silence(error);
    return base::fail(error);
  }
  context.block(std::move(reason), field + error.what());
  return StepOutcome::stop();
}

StepResult observe_topic(TopicContext& context) {
  auto state = co_await context.admin->describe(context.topic_name);
  if (!state) co_return refused_or_failed(context, state.error(), "RefusedByBroker", "");
  context.state = std::move(*state);
  context.is_cluster_reachable = true;
  co_return StepOutcome::go_on();
}

// Where the number of replicas is the cluster's default, only the operator can compare.
StepResult check_min_isr(TopicContext& context) {
  const auto wanted = context.topic.config.find(kMinIsr);
  const std::int32_t replicas = replicas_of(context);
  if (wanted == context.topic.config.end() || std::stoi(wanted->second) <= replicas)
    co_return StepOutcome::go_on();
  context.block("InvalidSpec", "spec.minInSyncReplicas: " + wanted->second + " is more than the " +
                                   std::to_string(replicas) +
                                   " replicas of the topic, so that no produce with acks=all could succeed");
  co_return StepOutcome::stop();
}

StepResult create_topic(TopicContext& context) {
  if (context.state) co_return StepOutcome::go_on();
  const auto& topic = context.topic;
  if (has_brokers_to_come(context, replicas_of(context))) {
    context.wait_for("ClusterNotReady", "too few brokers of KafkaCluster " + topic.cluster_name +
                                            " are ready for the replicas of the topic");
    co_return StepOutcome::stop();
  }
  CO_TRY_ASSIGN(const bool is_wanted,
                co_await is_still_there(context.deps, kube::kKafkaTopicKind, *context.object));
  if (!is_wanted) {
    context.is_gone = true;
    co_return StepOutcome::stop();
  }
  NewTopic wanted;
  wanted.name = context.topic_name;
  wanted.partitions = topic.partitions.value_or(-1);
  wanted.replication_factor = topic.replication_factor.value_or(-1);
  wanted.configs = topic.config;
  log.info("create topic {} of KafkaCluster {}/{}", wanted.name, topic.meta.ns, topic.cluster_name);
  auto created = co_await context.admin->create(std::move(wanted));
  if (!created) co_return refused_or_failed(context, created.error(), "RefusedByBroker", "");
  context.state = std::move(*created);
  co_return StepOutcome::go_on();
}

StepResult reconcile_topic_config(TopicContext& context) {
  const Configs& wanted = context.topic.config;
  ConfigChanges changes;
  for (const auto& [name, value] : wanted) {
    if (name == kMinIsr && is_too_early(context, value)) continue;
    const auto live = context.state->configs.find(name);
    if (live == context.state->configs.end() || canonical(live->second) != canonical(value))
      changes[name] = value;
  }
  for (const auto& [name, value] : context.state->configs) {
    // Who moves replicas throttles them, and takes that back (remove_move_throttles).
    if (!wanted.contains(name) && !is_throttle_mark(name)) changes[name] = std::nullopt;
  }
  if (changes.empty()) co_return StepOutcome::go_on();
  context.is_min_isr_unknown = changes.contains(kMinIsr) && !changes[kMinIsr];
  if (changes.contains(kMinIsr) && changes[kMinIsr]) context.state->min_isr = std::stoi(*changes[kMinIsr]);
  for (const auto& [name, value] : changes) {
    log.info("topic {}: {} {}", context.topic_name, value ? "set" : "reset",
             value ? name + "=" + *value : name);
  }
  const auto altered = co_await context.admin->alter_configs(context.topic_name, std::move(changes));
  if (!altered) co_return refused_or_failed(context, altered.error(), "InvalidConfig", "spec.config: ");
  co_return StepOutcome::go_on();
}

StepResult reconcile_partitions(TopicContext& context) {
  const auto wanted = context.topic.partitions;
  const std::int32_t live = context.state->partitions;
  if (!wanted || *wanted == live) co_return StepOutcome::go_on();
  if (*wanted < live) {
    context.block("NotSupported", "spec.partitions: the topic has " + std::to_string(live) +
                                      " partitions, and Kafka cannot lower that to " +
                                      std::to_string(*wanted));
    co_return StepOutcome::stop();
  }
  log.info("topic {}: partitions from {} to {}", context.topic_name, live, *wanted);
  const auto grown = co_await context.admin->set_partitions(context.topic_name, *wanted);
  if (!grown) co_return refused_or_failed(context, grown.error(), "RefusedByBroker", "spec.partitions: ");
  context.state->partitions = *wanted;
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
