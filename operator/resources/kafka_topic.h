// A KafkaTopic as the operator reads it. The schema in crds/kafkatopic.yaml is the source of every field.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "operator/resources/kafka_cluster.h"

namespace penstock::resources {

struct KafkaTopic {
  ObjectMeta meta;
  std::string cluster_name;
  std::string topic_name;  // spec.topicName, or the resource's own name.
  std::optional<std::int32_t> partitions;
  std::optional<std::int32_t> replication_factor;
  std::map<std::string, std::string> config;  // With min.insync.replicas, when minInSyncReplicas is set.
  bool is_retained = false;                   // deletionPolicy: Retain.
  bool is_suspended = false;

  // ERRORS: kInvalidArgument listing every field that is wrong.
  static base::Result<KafkaTopic> parse(const Json& object);
};

// The finalizer that lets us delete the topic before its resource goes.
inline constexpr const char* kTopicFinalizer = "penstock.dev/topic";

}  // namespace penstock::resources
