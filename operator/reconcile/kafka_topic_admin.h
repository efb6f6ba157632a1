// TopicAdmin over Kafka's admin protocol, and the pool of them: one client for each cluster.
//
// Threads: one reactor.
// Lifetime: stop() the pool before its destruction; it ends every client's calls. Whoever still holds a
// client lets it go before the pool does.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/transport.h"
#include "base/random.h"
#include "kafka/client/admin_client.h"
#include "operator/reconcile/topic_admin.h"

namespace penstock::reconcile {

class KafkaTopicAdmin final : public TopicAdmin {
 public:
  KafkaTopicAdmin(aio::Reactor& reactor, aio::Transport& transport, base::Random& random,
                  std::vector<kafka::Endpoint> bootstrap);
  aio::Task<> stop();

  aio::Task<base::Result<std::optional<TopicState>>> describe(std::string topic) override;
  aio::Task<base::Result<TopicState>> create(NewTopic topic) override;
  aio::Task<base::Result<>> set_partitions(std::string topic, std::int32_t partitions) override;
  aio::Task<base::Result<>> alter_configs(std::string topic, ConfigChanges changes) override;
  aio::Task<base::Result<>> remove(std::string topic) override;
  aio::Task<base::Result<ConfigTypes>> describe_types(std::int32_t broker) override;
  aio::Task<base::Result<Configs>> describe_defaults() override;
  aio::Task<base::Result<>> alter_defaults(ConfigChanges changes) override;
  aio::Task<base::Result<ClusterLayout>> describe_layout() override;
  aio::Task<base::Result<Moves>> list_moves() override;
  aio::Task<base::Result<>> unregister(std::int32_t broker) override;
  aio::Task<base::Result<QuorumState>> describe_quorum() override;
  aio::Task<base::Result<>> remove_voter(QuorumReplica voter) override;
  aio::Task<base::Result<>> move(std::vector<PartitionMove> moves) override;
  aio::Task<base::Result<std::map<std::string, Configs>>> describe_topic_configs(
      std::vector<std::string> topics, std::vector<std::string> keys) override;
  aio::Task<base::Result<std::map<std::int32_t, Configs>>> describe_broker_configs(
      std::vector<std::int32_t> brokers, std::vector<std::string> keys) override;
  aio::Task<base::Result<>> alter_broker_configs(std::int32_t broker, ConfigChanges changes) override;

 private:
  // `keys`: none for all.
  aio::Task<base::Result<kafka::DescribeConfigsResponse>> describe_configs(
      std::int8_t resource_type, std::vector<std::string> names,
      std::optional<std::vector<std::string>> keys);
  aio::Task<base::Result<>> alter(std::int8_t resource_type, std::string name, ConfigChanges changes);

  kafka::AdminClient client_;
};

class KafkaTopicAdmins final : public TopicAdmins {
 public:
  KafkaTopicAdmins(aio::Reactor& reactor, aio::Transport& transport, base::Random& random)
      : reactor_(reactor), transport_(transport), random_(random) {}
  aio::Task<> stop();

  std::shared_ptr<TopicAdmin> of(const std::string& cluster_key, const std::string& endpoints) override;
  void forget(const std::string& cluster_key) override;

 private:
  struct Entry {
    std::string endpoints;
    std::shared_ptr<KafkaTopicAdmin> admin;
  };
  std::shared_ptr<KafkaTopicAdmin> make(const std::string& endpoints);
  static aio::Task<> retire(std::unique_ptr<KafkaTopicAdmin> admin);

  aio::Reactor& reactor_;
  aio::Transport& transport_;
  base::Random& random_;
  aio::Gate gate_;  // Before the clients, whose ends ask for it.
  std::map<std::string, Entry> entries_;
  std::vector<std::weak_ptr<KafkaTopicAdmin>> lent_;  // All that may still be held.
  std::shared_ptr<KafkaTopicAdmin> stopped_;          // What is lent after stop().
};

}  // namespace penstock::reconcile
