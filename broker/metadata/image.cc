#include "broker/metadata/image.h"

#include <algorithm>

namespace penstock::metadata {

const Endpoint* BrokerRegistration::endpoint(std::string_view listener_name) const {
  const auto found = std::ranges::find(listeners, listener_name, &Endpoint::name);
  return found == listeners.end() ? nullptr : &*found;
}

bool Partition::has_replica(kafka::NodeId node) const {
  return std::ranges::find(replicas, node.value()) != replicas.end();
}

bool Partition::is_in_isr(kafka::NodeId node) const {
  return std::ranges::find(isr, node.value()) != isr.end();
}

base::Uuid Partition::directory_of(kafka::NodeId node) const {
  for (std::size_t i = 0; i < replicas.size() && i < directories.size(); ++i) {
    if (replicas[i] == node.value()) return directories[i];
  }
  return {};
}

const Partition* Topic::partition(kafka::PartitionId id_of_partition) const {
  const auto index = static_cast<std::size_t>(id_of_partition.value());
  return id_of_partition.value() < 0 || index >= partitions.size() ? nullptr : partitions[index].get();
}

std::int16_t MetadataImage::feature_level(std::string_view name) const {
  const auto found = features_.find(name);
  return found == features_.end() ? std::int16_t{0} : found->second;
}

const BrokerRegistration* MetadataImage::broker(kafka::NodeId id) const {
  const auto found = brokers_.find(id);
  return found == brokers_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const Topic> MetadataImage::topic(std::string_view name) const {
  const base::Uuid* id = topic_ids_.find(name);
  return id == nullptr ? nullptr : topic(*id);
}

std::shared_ptr<const Topic> MetadataImage::topic(const base::Uuid& id) const {
  const auto* found = topics_by_id_.find(id);
  return found == nullptr ? nullptr : *found;
}

const Partition* MetadataImage::partition(const base::Uuid& topic_id, kafka::PartitionId id) const {
  const auto* found = topics_by_id_.find(topic_id);
  return found == nullptr ? nullptr : (*found)->partition(id);
}

std::vector<std::shared_ptr<const Topic>> MetadataImage::topics() const {
  std::vector<std::shared_ptr<const Topic>> topics;
  topics.reserve(topics_by_id_.size());
  topics_by_id_.for_each(
      [&](const base::Uuid& /*id*/, const std::shared_ptr<Topic>& topic) { topics.push_back(topic); });
  std::ranges::sort(topics, {}, [](const auto& topic) -> const std::string& { return topic->name; });
  return topics;
}

const Configs& MetadataImage::configs(const Resource& resource) const {
  static const Configs kNone;
  const auto found = configs_.find(resource);
  return found == configs_.end() ? kNone : *found->second;
}

std::vector<Resource> MetadataImage::configured_resources() const {
  std::vector<Resource> resources;
  for (const auto& [resource, configs] : configs_) resources.push_back(resource);
  return resources;
}

}  // namespace penstock::metadata
