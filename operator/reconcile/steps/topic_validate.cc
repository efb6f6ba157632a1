#include <nlohmann/json.hpp>

#include "operator/reconcile/topic_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using resources::child_of;
using resources::text_or;

// The smaller one goes first. Times have whole seconds only, so that of two as old as each other the one that
// has the topic already keeps it.
struct Claim {
  std::string created;
  bool is_late;
  std::string name;
  friend auto operator<=>(const Claim&, const Claim&) = default;
};

Claim claim_of(const Json& object) {
  const std::string recorded = text_or(object.value("status", Json::object()), "topicName");
  return {text_or(object["metadata"], "creationTimestamp"), recorded.empty() || !is_held(object),
          text_or(object["metadata"], "name")};
}

std::string cluster_name_of(const Json& object) {
  return text_or(child_of(object, "status"), "clusterName",
                 text_or(child_of(child_of(object, "spec"), "clusterRef"), "name"));
}

// The metric names of Kafka put '_' for '.', so it refuses two topics that differ in nothing else.
std::string folded(std::string name) {
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

// Nothing tells this resource that the other one is gone.
constexpr auto kConflictRetry = base::seconds(5);

}  // namespace

std::string topic_name_of(const Json& object) {
  const std::string name = text_or(child_of(object, "metadata"), "name");
  return text_or(child_of(object, "status"), "topicName",
                 text_or(child_of(object, "spec"), "topicName", name));
}

const Json& holder_of(const TopicContext& context, const std::string& cluster_name,
                      const std::string& topic_name) {
  static const Json kNone;
  const resources::ObjectMeta own = resources::read_meta(*context.object);
  const Claim claim = claim_of(*context.object);
  const std::string wanted = folded(topic_name);
  // Each pass looks at every topic: what is compared first is cheap and seldom the same.
  for (const Json* other : context.deps.store.topics.all()) {
    if (folded(topic_name_of(*other)) != wanted) continue;
    const resources::ObjectMeta meta = resources::read_meta(*other);
    if (meta.ns != own.ns || meta.name == own.name || claim_of(*other) > claim) continue;
    if (cluster_name_of(*other) == cluster_name) return *other;
  }
  return kNone;
}

StepResult validate_topic(TopicContext& context) {
  context.topic.meta = resources::read_meta(*context.object);
  auto parsed = resources::KafkaTopic::parse(*context.object);
  if (!parsed) {
    context.block("InvalidSpec", parsed.error().what());
    co_return StepOutcome::stop();
  }
  context.topic = std::move(*parsed);
  const Json status = context.object->value("status", Json::object());
  const std::string cluster = text_or(status, "clusterName", context.topic.cluster_name);
  if (cluster != context.topic.cluster_name) {
    context.block("InvalidSpec", "spec.clusterRef: clusterRef cannot be changed (it is " + cluster +
                                     "); make another KafkaTopic");
    co_return StepOutcome::stop();
  }
  const std::string recorded = text_or(status, "topicName");
  if (!recorded.empty() && recorded != context.topic.topic_name) {
    context.block("InvalidSpec", "spec.topicName: topicName cannot be changed (it is " + recorded +
                                     "); make another KafkaTopic");
    co_return StepOutcome::stop();
  }
  context.topic_name = context.topic.topic_name;
  context.is_suspended = context.topic.is_suspended;
  co_return context.is_suspended ? StepOutcome::stop() : StepOutcome::go_on();
}

// Of two resources for one topic the older one has it.
StepResult check_conflicts(TopicContext& context) {
  const auto& topic = context.topic;
  const Json& holder = holder_of(context, topic.cluster_name, topic.topic_name);
  if (!holder.is_object()) co_return StepOutcome::go_on();
  const std::string name = topic_name_of(holder);
  const std::string what = name == topic.topic_name
                               ? "topic " + name + " is managed by"
                               : "Kafka cannot tell " + topic.topic_name + " from topic " + name + " of";
  const resources::ObjectMeta meta = resources::read_meta(holder);
  context.block("Conflict", what + " KafkaTopic " + meta.key() + ", which is older");
  co_return StepOutcome::requeue_after(kConflictRetry);
}

StepResult reach_cluster(TopicContext& context) {
  const auto& topic = context.topic;
  const Json& cluster = context.deps.store.clusters.find(topic.meta.ns, topic.cluster_name);
  if (!cluster.is_object() || resources::read_meta(cluster).is_deleting) {
    context.wait_for("ClusterNotFound",
                     "there is no KafkaCluster " + topic.meta.ns + "/" + topic.cluster_name);
    co_return StepOutcome::stop();
  }
  const std::string endpoints = ready_endpoints(context.deps, topic.meta.ns, topic.cluster_name);
  if (endpoints.empty()) {
    context.wait_for("ClusterNotReady", "no broker of KafkaCluster " + topic.cluster_name + " is ready");
    co_return StepOutcome::stop();
  }
  context.admin = context.deps.admins.of(topic.meta.ns + "/" + topic.cluster_name, endpoints);
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
