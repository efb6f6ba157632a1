#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/topic_context.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using base::Result;
using resources::text_or;

constexpr base::Logger log("reconcile");

// How long a deleted resource waits for its cluster to answer.
constexpr std::int64_t kPatienceMs = 120'000;
constexpr auto kRetry = base::seconds(5);

Json finalizers_of(const Json& object) { return object["metadata"].value("finalizers", Json::array()); }

// With the version that we saw: if someone else changed the list meanwhile, the next pass tries again.
aio::Task<Result<>> write_finalizers(Deps& deps, const Json& object, Json finalizers) {
  const resources::ObjectMeta meta = resources::read_meta(object);
  Json patch;
  patch["metadata"]["finalizers"] = std::move(finalizers);
  patch["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"];
  auto written =
      co_await deps.kube.merge_patch(kube::kKafkaTopicKind, meta.ns, meta.name, std::move(patch), "");
  if (!written && written.error().code() == base::Errc::kNotFound) co_return Result<>();
  if (!written) co_return base::fail(written.error());
  if (!resources::read_meta(*written).is_deleting) deps.store.topics.put(*written);
  co_return Result<>();
}

aio::Task<Result<>> release(TopicContext& context) {
  Json finalizers = Json::array();
  for (const Json& one : finalizers_of(*context.object)) {
    if (one != resources::kTopicFinalizer) finalizers.push_back(one);
  }
  context.is_gone = true;
  co_return co_await write_finalizers(context.deps, *context.object, std::move(finalizers));
}

// What is to become of the topic of a resource that goes.
bool is_topic_kept(const TopicContext& context, const Json& spec, const std::string& cluster_name) {
  const auto& store = context.deps.store;
  const Json& cluster = store.clusters.find(context.topic.meta.ns, cluster_name);
  // The finalizer never outlives the cluster: without one there is nothing left to delete.
  if (!cluster.is_object() || resources::read_meta(cluster).is_deleting) return true;
  if (text_or(spec, "deletionPolicy", "Delete") == "Retain") return true;
  // As everything else of a suspended topic.
  if (spec.value("suspend", Json()) == true) return true;
  return holder_of(context, cluster_name, context.topic_name).is_object();
}

// The cluster does not answer. A resource must not hang for ever on a cluster that nobody mends: after a
// while it goes, and an event says what stays behind.
StepResult wait_or_give_up(TopicContext& context) {
  const auto deleted_ms =
      resources::parse_rfc3339(text_or((*context.object)["metadata"], "deletionTimestamp"));
  if (deleted_ms && context.wall_ms - *deleted_ms < kPatienceMs) {
    context.wait_for("ClusterNotReady", "topic " + context.topic_name +
                                            " is deleted when a broker answers; after two minutes it is "
                                            "left behind");
    co_return StepOutcome::requeue_after(kRetry);
  }
  const std::string message = "no broker of KafkaCluster " + context.topic.cluster_name +
                              " answered: if the topic " + context.topic_name + " exists there, it stays";
  log.warn("{}: {}", context.topic.meta.key(), message);
  co_await emit_event(context.deps, *context.object, "Warning", "TopicLeftBehind", message, context.wall_ms);
  CO_TRY(co_await release(context));
  co_return StepOutcome::stop();
}

}  // namespace

bool is_held(const Json& object) {
  const Json finalizers = finalizers_of(object);
  return std::find(finalizers.begin(), finalizers.end(), resources::kTopicFinalizer) != finalizers.end();
}

StepResult delete_topic(TopicContext& context) {
  const resources::ObjectMeta meta = resources::read_meta(*context.object);
  context.topic.meta = meta;
  if (!meta.is_deleting) co_return StepOutcome::go_on();
  if (!is_held(*context.object)) {
    context.is_gone = true;
    co_return StepOutcome::stop();
  }
  Json spec = context.object->value("spec", Json::object());
  if (!spec.is_object()) spec = Json::object();
  const std::string cluster_name = text_or(context.object->value("status", Json::object()), "clusterName",
                                           text_or(spec.value("clusterRef", Json::object()), "name"));
  context.topic.cluster_name = cluster_name;
  context.topic_name = topic_name_of(*context.object);
  if (is_topic_kept(context, spec, cluster_name)) {
    CO_TRY(co_await release(context));
    co_return StepOutcome::stop();
  }
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, cluster_name);
  if (endpoints.empty()) co_return co_await wait_or_give_up(context);
  CO_TRY_ASSIGN(const bool is_real,
                co_await is_still_there(context.deps, kube::kKafkaTopicKind, *context.object));
  if (!is_real) {
    context.is_gone = true;
    co_return StepOutcome::stop();
  }
  log.info("delete topic {} of KafkaCluster {}/{}", context.topic_name, meta.ns, cluster_name);
  const auto admin = context.deps.admins.of(meta.ns + "/" + cluster_name, endpoints);
  const auto removed = co_await admin->remove(context.topic_name);
  if (!removed && removed.error().code() == base::Errc::kPermissionDenied) {
    context.block("DeletionRefused", removed.error().what() +
                                         "; to let the resource go and keep the topic, set deletionPolicy "
                                         "to Retain");
    co_return StepOutcome::stop();
  }
  if (!removed) {
    log.warn("topic {}: {}", context.topic_name, removed.error().what());
    co_return co_await wait_or_give_up(context);
  }
  CO_TRY(co_await release(context));
  co_return StepOutcome::stop();
}

StepResult hold_topic(TopicContext& context) {
  if (is_held(*context.object)) co_return StepOutcome::go_on();
  Json finalizers = finalizers_of(*context.object);
  finalizers.push_back(resources::kTopicFinalizer);
  CO_TRY(co_await write_finalizers(context.deps, *context.object, std::move(finalizers)));
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
