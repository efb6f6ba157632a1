// What the reconcilers ask of a Kafka cluster. The real one is KafkaTopicAdmin; tests have a fake.
//
// Threads: one reactor.
// ERRORS of every call: kUnavailable and kTimedOut when no broker answered or it said to try again; otherwise
// the broker's refusal, as "INVALID_CONFIG: its message": kInvalidArgument (a value it does not take),
// kAlreadyExists, kPermissionDenied, kInternal.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/task.h"
#include "base/config.h"
#include "base/error.h"
#include "operator/reconcile/quorum.h"

namespace penstock::reconcile {

using Configs = std::map<std::string, std::string>;
// A value to set, or none to go back to the default.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;

using ConfigTypes = std::map<std::string, base::ConfigType>;

// A partition and, when asked for, what it is being moved to.
struct PartitionState {
  std::int32_t leader = -1;
  std::vector<std::int32_t> replicas;  // While it is moved: those that come and those that go are among them.
  std::vector<std::int32_t> isr;
  std::vector<std::int32_t> adding;
  std::vector<std::int32_t> removing;

  bool is_moving() const { return !adding.empty() || !removing.empty(); }
  // The replicas that it has, or will have when the move is done.
  std::vector<std::int32_t> target() const;
};

struct TopicState {
  std::string id;
  std::int32_t partitions = 0;
  std::int32_t replication_factor = 0;   // Of the partition that has fewest.
  Configs configs;                       // Those set on the topic itself.
  std::vector<PartitionState> layout{};  // By index; without moves.
  std::int32_t min_isr = 1;              // In effect, wherever it is set.
};

struct BrokerState {
  std::int32_t id = 0;
  std::string rack;
};

// Every topic and the brokers that are there, moves included.
struct ClusterLayout {
  std::vector<BrokerState> brokers;
  std::map<std::string, std::vector<PartitionState>> topics;
};

struct PartitionMove {
  std::string topic;
  std::int32_t partition = 0;
  std::vector<std::int32_t> replicas;
};

// The moves that are under way, by topic and partition.
using Moves = std::map<std::string, std::map<std::int32_t, PartitionState>>;

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

  virtual aio::Task<base::Result<ClusterLayout>> describe_layout() = 0;
  virtual aio::Task<base::Result<Moves>> list_moves() = 0;
  // Begins them, or turns those that are under way to other replicas. Some may have begun when one is
  // refused.
  virtual aio::Task<base::Result<>> move(std::vector<PartitionMove> moves) = 0;
  // Those of `keys` that are set on the topics themselves; topics with none of them are left out.
  virtual aio::Task<base::Result<std::map<std::string, Configs>>> describe_topic_configs(
      std::vector<std::string> topics, std::vector<std::string> keys) = 0;
  // Those of `keys` that are set on each broker.
  virtual aio::Task<base::Result<std::map<std::int32_t, Configs>>> describe_broker_configs(
      std::vector<std::int32_t> brokers, std::vector<std::string> keys) = 0;
  // Success when no such broker is registered.
  virtual aio::Task<base::Result<>> unregister(std::int32_t broker) = 0;
  virtual aio::Task<base::Result<QuorumState>> describe_quorum() = 0;
  // Success when it does not vote, and that is committed. kTimedOut: it may be done yet.
  virtual aio::Task<base::Result<>> remove_voter(QuorumReplica voter) = 0;
  virtual aio::Task<base::Result<>> alter_broker_configs(std::int32_t broker, ConfigChanges changes) = 0;
};

class TopicAdmins {
 public:
  virtual ~TopicAdmins() = default;
  // The admin of a cluster, reached by any of `endpoints` ("10.0.0.1:9092"). Whoever calls it holds it: other
  // endpoints make another one, and the old one goes when nobody holds it any more.
  virtual std::shared_ptr<TopicAdmin> of(const std::string& cluster_key, const std::string& endpoints) = 0;
  // The cluster is gone.
  virtual void forget(const std::string& cluster_key) = 0;
};

}  // namespace penstock::reconcile
