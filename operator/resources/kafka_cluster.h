// A KafkaCluster as the operator reads it. The schema in crds/kafkacluster.yaml is the source of every field.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "operator/resources/schema.h"

namespace penstock::resources {

struct ObjectMeta {
  std::string name;
  std::string ns;
  std::string uid;
  std::int64_t generation = 0;
  bool is_deleting = false;

  std::string key() const { return ns + "/" + name; }
};

ObjectMeta read_meta(const Json& object);

struct KafkaCluster {
  struct Storage {
    std::string size;
    std::optional<std::string> storage_class_name;
    bool delete_with_cluster = false;
  };
  struct TopicDefaults {
    std::optional<std::int32_t> partitions;
    std::optional<std::int32_t> replication_factor;
    std::optional<std::int32_t> min_in_sync_replicas;
  };

  ObjectMeta meta;
  std::int32_t replicas = 1;
  std::string image;
  std::string image_pull_policy;
  Storage storage;
  TopicDefaults topic_defaults;
  std::map<std::string, std::string> config;
  std::string resources_json;  // podTemplate.resources, or empty.
  bool is_suspended = false;

  // The pods with the lowest ordinals that have the controller role: the voters of the metadata quorum.
  std::int32_t controllers = 1;
  // Whether a controller that is no voter becomes one by itself.
  bool may_join = true;

  // Of so many brokers, when `asked` voters are asked for: an odd number, as far as there are brokers.
  static std::int32_t voters_of(std::int32_t replicas, std::int32_t asked) {
    return replicas < 3 ? 1 : replicas < 5 ? 3 : asked;
  }
  // What a topic gets that does not say it itself: as many replicas as there are brokers, up to three, and
  // one of three may fail without stopping those who write with acks=all.
  std::int32_t default_replication_factor() const;
  std::int32_t default_min_in_sync_replicas() const;

  // ERRORS: kInvalidArgument listing every field that is wrong.
  static base::Result<KafkaCluster> parse(const Json& object);
};

}  // namespace penstock::resources
