// One pass over one KafkaTopic, as its steps see it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "operator/reconcile/deps.h"
#include "operator/reconcile/step.h"
#include "operator/resources/kafka_topic.h"

namespace penstock::reconcile {

struct TopicContext {
  Deps& deps;
  std::shared_ptr<const Json> object;  // As stored when the pass began.
  std::int64_t wall_ms = 0;
  resources::KafkaTopic topic{};
  std::string topic_name{};  // Once recorded in status it holds, whatever the spec then says.
  std::shared_ptr<TopicAdmin> admin{};
  std::optional<TopicState> state{};
  bool is_gone = false;  // The resource is deleted: there is no status to write.
  bool is_cluster_reachable = false;
  bool is_suspended = false;
  bool is_kafka_silent = false;  // No broker answered, although a pod is ready.
  std::string blocked_reason{};  // Why the topic cannot become what is asked: goes to Ready and Stalled.
  std::string blocked_message{};
  bool is_min_isr_unknown = false;  // A default took its place in this pass.
  // Partitions that are to have another number of replicas, when there are any.
  struct Reassignment {
    std::size_t total = 0;
    std::size_t remaining = 0;
  };
  std::optional<Reassignment> reassignment{};
  std::string waiting_reason{};  // What it waits for, when nothing is wrong with it.
  std::string waiting_message{};

  void block(std::string reason, std::string message) {
    blocked_reason = std::move(reason);
    blocked_message = std::move(message);
  }
  void wait_for(std::string reason, std::string message) {
    waiting_reason = std::move(reason);
    waiting_message = std::move(message);
  }
};

// Another resource that has `topic_name` of the same cluster before this one, or whose topic Kafka could not
// tell from it; null JSON when there is none. Resources that are being deleted count: their topic is there.
const Json& holder_of(const TopicContext& context, const std::string& cluster_name,
                      const std::string& topic_name);
// Whether a resource carries our finalizer.
bool is_held(const Json& object);
// The topic that a resource is about: as recorded in its status, else by its spec.
std::string topic_name_of(const Json& object);

// What a broker call that failed makes of the pass: a refusal is the resource's fault, and stays until it is
// changed; other errors are retried. `field` goes before the broker's words.
base::Result<StepOutcome> refused_or_failed(TopicContext& context, const base::Error& error,
                                            std::string reason, const std::string& field);

// How long a change behind our back may stand; no watch tells of it.
inline constexpr auto kTopicDriftInterval = base::seconds(20);

StepResult delete_topic(TopicContext& context);
StepResult validate_topic(TopicContext& context);
StepResult check_conflicts(TopicContext& context);
StepResult reach_cluster(TopicContext& context);
StepResult hold_topic(TopicContext& context);
StepResult observe_topic(TopicContext& context);
StepResult observe_moves(TopicContext& context);
StepResult check_min_isr(TopicContext& context);
StepResult create_topic(TopicContext& context);
StepResult reconcile_topic_config(TopicContext& context);
StepResult reconcile_partitions(TopicContext& context);
StepResult reconcile_replication(TopicContext& context);

// The status that the pass arrived at. `error`: what stopped it, or null.
Json topic_status(const TopicContext& context, const base::Error* error);

}  // namespace penstock::reconcile
