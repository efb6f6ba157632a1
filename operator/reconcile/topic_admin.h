// What the reconcilers ask of a Kafka cluster. The real one is KafkaTopicAdmin; tests have a fake.
//
// Threads: one reactor.
// ERRORS of every call: kUnavailable and kTimedOut when no broker answered or it said to try again; otherwise
// the broker's refusal, as "INVALID_CONFIG: its message": kInvalidArgument (a value it does not take),
// kAlreadyExists, kPermissionDenied, kInternal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/aio/task.h"
#include "base/config.h"
#include "base/error.h"

namespace penstock::reconcile {

using Configs = std::map<std::string, std::string>;
// A value to set, or none to go back to the default.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;

using ConfigTypes = std::map<std::string, base::ConfigType>;

struct TopicState {
  std::string id;
  std::int32_t partitions = 0;
  std::int32_t replication_factor = 0;
  Configs configs;  // Those set on the topic itself.
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;  // -1: the cluster's default.
  std::int32_t replication_factor = -1;
  Configs configs;
};

class TopicAdmin {
 public:
  virtual ~TopicAdmin() = default;

  // None when there is no such topic.
  virtual aio::Task<base::Result<std::optional<TopicState>>> describe(std::string topic) = 0;
  virtual aio::Task<base::Result<TopicState>> create(NewTopic topic) = 0;
  virtual aio::Task<base::Result<>> set_partitions(std::string topic, std::int32_t partitions) = 0;
  // All or nothing.
  virtual aio::Task<base::Result<>> alter_configs(std::string topic, ConfigChanges changes) = 0;
  // Success when it is gone, whoever removed it.
  virtual aio::Task<base::Result<>> remove(std::string topic) = 0;

  // The types of a broker's properties, by name.
  virtual aio::Task<base::Result<ConfigTypes>> describe_types(std::int32_t broker) = 0;
  // The dynamic defaults of all brokers.
  virtual aio::Task<base::Result<Configs>> describe_defaults() = 0;
  virtual aio::Task<base::Result<>> alter_defaults(ConfigChanges changes) = 0;
};

class TopicAdmins {
 public:
  virtual ~TopicAdmins() = default;
  // The admin of a cluster, reached by any of `endpoints` ("10.0.0.1:9092").
  // Lifetime: until the cluster is asked for with other endpoints, or forgotten.
  virtual TopicAdmin& of(const std::string& cluster_key, const std::string& endpoints) = 0;
  // The cluster is gone.
  virtual void forget(const std::string& cluster_key) = 0;
};

}  // namespace penstock::reconcile
