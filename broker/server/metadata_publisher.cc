#include "broker/server/metadata_publisher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/server/partition_coordinator_log.h"
#include "broker/server/topic_settings.h"

namespace penstock::server {

namespace {

constexpr base::Logger log("server");

using metadata::ImageUpdate;
using replication::PartitionKey;

std::vector<kafka::NodeId> nodes_of(const std::vector<std::int32_t>& ids) {
  std::vector<kafka::NodeId> nodes;
  nodes.reserve(ids.size());
  for (const std::int32_t id : ids) nodes.emplace_back(id);
  return nodes;
}

replication::LocalReplica local_replica(const metadata::Topic& topic, std::int32_t index,
                                        const metadata::Partition& partition, kafka::NodeId self) {
  replication::LocalReplica replica;
  replica.key = {topic.id, kafka::PartitionId(index)};
  replica.topic = topic.name;
  replica.directory_id = partition.directory_of(self);
  replica.replicas = nodes_of(partition.replicas);
  replica.isr = nodes_of(partition.isr);
  replica.leader = kafka::NodeId(partition.leader);
  replica.leader_epoch = kafka::LeaderEpoch(partition.leader_epoch);
  replica.partition_epoch = kafka::PartitionEpoch(partition.partition_epoch);
  return replica;
}

// Whether the image knows of this process. An older one may say that this broker leads, but of a life before:
// what its log has lost since then others would not tell from what they have.
bool is_registered(const metadata::MetadataImage& image, const MetadataPublisher::Parts& parts) {
  const metadata::BrokerRegistration* self = image.broker(parts.self);
  return self != nullptr && self->incarnation_id == parts.incarnation_id;
}

// Where the brokers reach each other, and which of them are in service.
replication::PeersPtr peers_of(const metadata::MetadataImage& image, const MetadataPublisher::Parts& parts) {
  auto peers = std::make_shared<replication::Peers>();
  for (const auto& [id, broker] : image.brokers()) {
    replication::Peer& peer = peers->brokers[id];
    peer.epoch = broker->epoch;
    peer.is_active = broker->is_active();
    peer.rack = broker->rack;
    const metadata::Endpoint* endpoint = broker->endpoint(parts.inter_broker_listener);
    if (endpoint == nullptr && !broker->listeners.empty()) endpoint = &broker->listeners.front();
    if (endpoint == nullptr) continue;
    peer.host = endpoint->host;
    peer.port = endpoint->port;
  }
  if (is_registered(image, parts)) peers->self_epoch = image.broker(parts.self)->epoch;
  return peers;
}

bool is_hosted(const metadata::Partition* partition, kafka::NodeId self) {
  return partition != nullptr && partition->has_replica(self);
}

// The epoch in which this process leads the partition, or -1.
std::int32_t led_epoch(const metadata::MetadataImage& image, std::int32_t index,
                       const MetadataPublisher::Parts& parts) {
  const auto topic = image.topic(coordinator::GroupCoordinators::kTopic);
  if (topic == nullptr || !is_registered(image, parts)) return -1;
  const metadata::Partition* partition = topic->partition(kafka::PartitionId(index));
  if (partition == nullptr || partition->leader != parts.self.value()) return -1;
  return partition->leader_epoch;
}

std::int32_t coordinator_partitions(const metadata::MetadataImage& image) {
  const auto topic = image.topic(coordinator::GroupCoordinators::kTopic);
  return topic == nullptr ? 0 : topic->partition_count();
}

}  // namespace

void MetadataPublisher::start() {
  subscription_ =
      parts_.images.subscribe(parts_.reactor, [this](const ImageUpdate& update) { on_update(update); });
}

aio::Task<> MetadataPublisher::stop() {
  parts_.images.unsubscribe(subscription_);
  pending_.clear();
  co_await gate_.close();
}

void MetadataPublisher::on_update(const ImageUpdate& update) {
  if (gate_.is_closed()) return;
  pending_.push_back(update);
  if (!std::exchange(is_applying_, true)) aio::spawn(gate_, "apply images", apply_all());
}

aio::Task<> MetadataPublisher::apply_all() {
  while (!pending_.empty()) {
    ImageUpdate update = std::move(pending_.front());
    pending_.pop_front();
    const kafka::Offset offset = update.after->last_offset();
    co_await apply(std::move(update));
    applied_ = offset;
    wake_waiters();
  }
  is_applying_ = false;
}

void MetadataPublisher::wake_waiters() {
  for (std::size_t i = waiters_.size(); i-- > 0;) {
    Waiter waiter = waiters_.front();
    waiters_.pop_front();
    if (waiter.wanted > applied_) {
      waiters_.push_back(waiter);
    } else {
      parts_.reactor.post([done = waiter.done] { done.set(true); });
    }
  }
}

aio::Task<> MetadataPublisher::wait_applied(kafka::Offset offset) {
  if (applied_ >= offset) co_return;
  aio::Completion<bool> done;
  waiters_.push_back({offset, done});
  co_await done.wait();
}

void MetadataPublisher::give_up_waiting() {
  for (const Waiter& waiter : std::exchange(waiters_, {}))
    parts_.reactor.post([done = waiter.done] { done.set(true); });
}

void MetadataPublisher::add_topic_changes(const ImageUpdate& update, const base::Uuid& topic_id,
                                          replication::LocalChanges& changes) const {
  const auto before = update.before->topic(topic_id);
  const auto after = update.after->topic(topic_id);
  const std::int32_t count =
      std::max(before ? before->partition_count() : 0, after ? after->partition_count() : 0);
  std::optional<replication::TopicSettings> settings;
  if (after != nullptr) {
    auto resolved = topic_settings(parts_.config, *update.after, after->name, parts_.replica_lag_max_ms);
    if (!resolved) {
      log.error("topic {}: {}; its defaults are used", after->name, resolved.error().what());
      resolved = replication::TopicSettings{};
    }
    settings = std::move(*resolved);
  }
  const bool is_ours = is_registered(*update.after, parts_);
  const bool is_standing_new = is_ours != is_registered(*update.before, parts_);
  for (std::int32_t index = 0; index < count; ++index) {
    const metadata::Partition* was = before ? before->partition(kafka::PartitionId(index)) : nullptr;
    const metadata::Partition* is = after ? after->partition(kafka::PartitionId(index)) : nullptr;
    if (is_hosted(is, parts_.self)) {
      if (was != nullptr && *was == *is && !is_standing_new) continue;
      auto replica = local_replica(*after, index, *is, parts_.self);
      if (!is_ours) replica.leader = kafka::kNoNode;
      changes.hosted.push_back({std::move(replica), *settings});
    } else if (is_hosted(was, parts_.self)) {
      changes.removed.push_back(PartitionKey{topic_id, kafka::PartitionId(index)});
    }
  }
}

void MetadataPublisher::add_config_changes(const ImageUpdate& update,
                                           replication::LocalChanges& changes) const {
  std::set<base::Uuid> topics;
  for (const metadata::Resource& resource : update.changed_configs) {
    if (resource.type == metadata::ResourceType::kTopic) {
      if (const auto topic = update.after->topic(resource.name)) topics.insert(topic->id);
    } else if (resource.type == metadata::ResourceType::kBroker) {
      // A default of this broker or of all: any topic may resolve to another value.
      for (const auto& topic : update.after->topics()) topics.insert(topic->id);
    }
  }
  for (const base::Uuid& id : topics) {
    const auto topic = update.after->topic(id);
    auto settings = topic_settings(parts_.config, *update.after, topic->name, parts_.replica_lag_max_ms);
    if (!settings) {
      log.error("topic {}: {}; its old configuration stays", topic->name, settings.error().what());
      continue;
    }
    changes.configured.push_back({id, std::move(*settings)});
  }
}

void MetadataPublisher::apply_broker_configs(const ImageUpdate& update) const {
  const bool is_changed = std::ranges::any_of(update.changed_configs, [](const metadata::Resource& resource) {
    return resource.type == metadata::ResourceType::kBroker;
  });
  if (!is_changed) return;
  replication::ReplicationConfig config;
  if (const auto loaded = config.load(parts_.config.broker_properties(*update.after)); !loaded) {
    log.error("{}; what was set before stays", loaded.error().what());
    return;
  }
  parts_.replicas.set_throttled_rates(config.leader_throttled_rate(), config.follower_throttled_rate());
}

aio::Task<> MetadataPublisher::apply(ImageUpdate update) {
  apply_broker_configs(update);
  replication::LocalChanges changes;
  if (update.is_brokers_changed) changes.peers = peers_of(*update.after, parts_);
  std::vector<std::string> deleted;
  std::set<base::Uuid> topics(update.changed_topics.begin(), update.changed_topics.end());
  if (is_registered(*update.before, parts_) != is_registered(*update.after, parts_)) {
    // What is led and followed here changes with our own standing.
    for (const auto& topic : update.after->topics()) topics.insert(topic->id);
  }
  for (const base::Uuid& id : topics) {
    add_topic_changes(update, id, changes);
    const auto before = update.before->topic(id);
    if (before != nullptr && update.after->topic(id) == nullptr) deleted.push_back(before->name);
  }
  add_config_changes(update, changes);
  if (changes.peers || !changes.hosted.empty() || !changes.removed.empty() || !changes.configured.empty()) {
    co_await parts_.replicas.apply(parts_.reactor, std::move(changes));
  }
  co_await update_coordinators(*update.before, *update.after);
  if (!deleted.empty()) co_await parts_.groups.on_topics_deleted(parts_.reactor, std::move(deleted));
}

aio::Task<> MetadataPublisher::update_coordinators(const metadata::MetadataImage& before,
                                                   const metadata::MetadataImage& after) {
  const std::int32_t count = std::max(coordinator_partitions(before), coordinator_partitions(after));
  for (std::int32_t index = 0; index < count; ++index) {
    const std::int32_t was = led_epoch(before, index, parts_);
    const std::int32_t is = led_epoch(after, index, parts_);
    if (was == is) continue;
    const kafka::PartitionId partition(index);
    if (was >= 0 && is < 0) {
      co_await parts_.groups.stop_shard(parts_.reactor, partition);
    } else if (is >= 0) {
      const PartitionKey key{after.topic(coordinator::GroupCoordinators::kTopic)->id, partition};
      replication::PartitionSet& set = parts_.replicas.set_of(key);
      co_await parts_.groups.start_shard(parts_.reactor, partition, set.reactor(),
                                         std::make_unique<PartitionCoordinatorLog>(set, key));
    }
  }
}

}  // namespace penstock::server
