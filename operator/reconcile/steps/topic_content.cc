#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/topic_context.h"

namespace penstock::reconcile {
namespace {

using base::Errc;

constexpr base::Logger log("reconcile");

// A refusal by the broker is the resource's fault, and stays until it is changed; other errors are retried.
bool is_refusal(const base::Error& error) {
  return error.code() == Errc::kInvalidArgument || error.code() == Errc::kPermissionDenied;
}

}  // namespace

StepResult observe_topic(TopicContext& context) {
  CO_TRY_ASSIGN(context.state, co_await context.admin->describe(context.topic_name));
  context.is_cluster_reachable = true;
  co_return StepOutcome::go_on();
}

StepResult create_topic(TopicContext& context) {
  if (context.state) co_return StepOutcome::go_on();
  const auto& topic = context.topic;
  NewTopic wanted;
  wanted.name = context.topic_name;
  wanted.partitions = topic.partitions.value_or(-1);
  wanted.replication_factor = topic.replication_factor.value_or(-1);
  wanted.configs = topic.config;
  log.info("create topic {} of KafkaCluster {}/{}", wanted.name, topic.meta.ns, topic.cluster_name);
  auto created = co_await context.admin->create(std::move(wanted));
  if (!created) {
    if (!is_refusal(created.error())) co_return base::fail(created.error());
    context.block("RefusedByBroker", created.error().what());
    co_return StepOutcome::stop();
  }
  context.state = std::move(*created);
  co_return StepOutcome::go_on();
}

StepResult reconcile_topic_config(TopicContext& context) {
  const Configs& wanted = context.topic.config;
  ConfigChanges changes;
  for (const auto& [name, value] : wanted) {
    const auto live = context.state->configs.find(name);
    if (live == context.state->configs.end() || live->second != value) changes[name] = value;
  }
  for (const auto& [name, value] : context.state->configs) {
    if (!wanted.contains(name)) changes[name] = std::nullopt;
  }
  if (changes.empty()) co_return StepOutcome::go_on();
  for (const auto& [name, value] : changes) {
    log.info("topic {}: {} {}", context.topic_name, value ? "set" : "reset",
             value ? name + "=" + *value : name);
  }
  const auto altered = co_await context.admin->alter_configs(context.topic_name, std::move(changes));
  if (!altered) {
    if (!is_refusal(altered.error())) co_return base::fail(altered.error());
    context.block("InvalidConfig", "spec.config: " + altered.error().what());
    co_return StepOutcome::stop();
  }
  context.state->configs = wanted;
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
  if (!grown) {
    if (!is_refusal(grown.error())) co_return base::fail(grown.error());
    context.block("RefusedByBroker", "spec.partitions: " + grown.error().what());
    co_return StepOutcome::stop();
  }
  context.state->partitions = *wanted;
  co_return StepOutcome::go_on();
}

StepResult check_replication(TopicContext& context) {
  const auto wanted = context.topic.replication_factor;
  const std::int32_t live = context.state->replication_factor;
  if (wanted && *wanted != live) {
    context.block("NotSupported", "spec.replicationFactor: the topic has " + std::to_string(live) +
                                      " replicas; changing that is not supported by this version");
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
