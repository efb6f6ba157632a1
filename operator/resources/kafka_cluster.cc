#include "operator/resources/kafka_cluster.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "operator/resources/read_json.h"
#include "operator/resources/validation.h"

namespace penstock::resources {

ObjectMeta read_meta(const Json& object) {
  ObjectMeta meta;
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) return meta;
  const Json& from = object["metadata"];
  meta.name = text_or(from, "name");
  meta.ns = text_or(from, "namespace");
  meta.uid = text_or(from, "uid");
  if (from.contains("generation") && from["generation"].is_number_integer())
    meta.generation = from["generation"];
  meta.is_deleting = from.contains("deletionTimestamp");
  return meta;
}

std::int32_t KafkaCluster::default_replication_factor() const {
  return topic_defaults.replication_factor.value_or(std::min(3, replicas));
}

std::int32_t KafkaCluster::default_min_in_sync_replicas() const {
  return topic_defaults.min_in_sync_replicas.value_or(default_replication_factor() < 3 ? 1 : 2);
}

base::Result<KafkaCluster> KafkaCluster::parse(const Json& object) {
  if (const auto errors = validate(object); !errors.empty()) {
    return base::fail(base::Errc::kInvalidArgument, join(errors));
  }
  Json normal = object;
  normalize(normal);
  const Json& spec = normal["spec"];
  KafkaCluster cluster;
  cluster.meta = read_meta(object);
  cluster.replicas = spec["replicas"];
  cluster.controllers = voters_of(cluster.replicas, spec["voters"]);
  if (spec.contains("image")) {
    cluster.image = text_or(spec["image"], "reference");
    cluster.image_pull_policy = text_or(spec["image"], "pullPolicy");
  }
  const Json& storage = spec["storage"];
  cluster.storage.size = storage["size"];
  if (storage.contains("storageClassName")) cluster.storage.storage_class_name = storage["storageClassName"];
  cluster.storage.delete_with_cluster = text_or(storage, "reclaimPolicy") == "Delete";
  if (spec.contains("topicDefaults")) {
    const Json& defaults = spec["topicDefaults"];
    cluster.topic_defaults.partitions = int_or_none(defaults, "partitions");
    cluster.topic_defaults.replication_factor = int_or_none(defaults, "replicationFactor");
    cluster.topic_defaults.min_in_sync_replicas = int_or_none(defaults, "minInSyncReplicas");
  }
  if (spec.contains("config")) cluster.config = text_map(spec["config"]);
  if (spec.contains("podTemplate") && spec["podTemplate"].contains("resources")) {
    cluster.resources_json = spec["podTemplate"]["resources"].dump();
  }
  cluster.is_suspended = spec.value("suspend", false);
  return cluster;
}

}  // namespace penstock::resources
