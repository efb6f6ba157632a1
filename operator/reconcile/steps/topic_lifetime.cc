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

Json finalizers_of(const Json& object) { return object["metadata"].value("finalizers", Json::array()); }

bool is_held(const Json& object) {
  const Json finalizers = finalizers_of(object);
  return std::find(finalizers.begin(), finalizers.end(), resources::kTopicFinalizer) != finalizers.end();
}

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

}  // namespace

StepResult delete_topic(TopicContext& context) {
  const resources::ObjectMeta meta = resources::read_meta(*context.object);
  context.topic.meta = meta;
  if (!meta.is_deleting) co_return StepOutcome::go_on();
  if (!is_held(*context.object)) {
    context.is_gone = true;
    co_return StepOutcome::stop();
  }
  const Json spec = context.object->value("spec", Json::object());
  const std::string cluster_name = text_or(spec.value("clusterRef", Json::object()), "name");
  const std::string topic_name = text_or(context.object->value("status", Json::object()), "topicName",
                                         text_or(spec, "topicName", meta.name));
  const Json& cluster = context.deps.store.clusters.find(meta.ns, cluster_name);
  const bool has_cluster = cluster.is_object() && !resources::read_meta(cluster).is_deleting;
  // The finalizer never outlives the cluster: without one there is nothing left to delete.
  if (!has_cluster || text_or(spec, "deletionPolicy", "Delete") == "Retain") {
    CO_TRY(co_await release(context));
    co_return StepOutcome::stop();
  }
  context.topic_name = topic_name;
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, cluster_name);
  if (endpoints.empty()) {
    context.wait_for("ClusterNotReady", "topic " + topic_name + " is deleted when a broker is ready");
    co_return StepOutcome::stop();
  }
  log.info("delete topic {} of KafkaCluster {}/{}", topic_name, meta.ns, cluster_name);
  CO_TRY(co_await context.deps.admins.of(meta.ns + "/" + cluster_name, endpoints).remove(topic_name));
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
