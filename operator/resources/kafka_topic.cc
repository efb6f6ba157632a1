#include "operator/resources/kafka_topic.h"

#include <nlohmann/json.hpp>

#include "operator/resources/read_json.h"
#include "operator/resources/validation.h"

namespace penstock::resources {

base::Result<KafkaTopic> KafkaTopic::parse(const Json& object) {
  if (const auto errors = validate(object); !errors.empty()) {
    return base::fail(base::Errc::kInvalidArgument, join(errors));
  }
  Json normal = object;
  normalize(normal);
  const Json& spec = normal["spec"];
  KafkaTopic topic;
  topic.meta = read_meta(object);
  topic.cluster_name = spec["clusterRef"]["name"];
  topic.topic_name = text_or(spec, "topicName", topic.meta.name);
  topic.partitions = int_or_none(spec, "partitions");
  topic.replication_factor = int_or_none(spec, "replicationFactor");
  if (spec.contains("config")) topic.config = text_map(spec["config"]);
  if (const auto min_isr = int_or_none(spec, "minInSyncReplicas")) {
    topic.config["min.insync.replicas"] = std::to_string(*min_isr);
  }
  topic.is_retained = text_or(spec, "deletionPolicy") == "Retain";
  topic.is_suspended = spec.value("suspend", false);
  return topic;
}

}  // namespace penstock::resources
