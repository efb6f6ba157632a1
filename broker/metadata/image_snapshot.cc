// Turning an image back into records, and the change from one image to another that no records tell.
#include <algorithm>
#include <utility>

#include "broker/metadata/features.h"
#include "broker/metadata/image_builder.h"
#include "broker/metadata/registration_fields.h"

namespace penstock::metadata {
namespace {

kafka::RegisterBrokerRecord to_record(const BrokerRegistration& broker) {
  kafka::RegisterBrokerRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  record.incarnation_id = broker.incarnation_id;
  record.end_points = copy_endpoints<kafka::RegisterBrokerRecord::BrokerEndpoint>(broker.listeners);
  record.features = copy_features<kafka::RegisterBrokerRecord::BrokerFeature>(broker.features);
  record.rack = broker.rack;
  record.fenced = broker.is_fenced;
  record.in_controlled_shutdown = broker.in_controlled_shutdown;
  record.log_dirs = broker.directories;
  record.cordoned_log_dirs = broker.cordoned_directories;
  return record;
}

kafka::RegisterControllerRecord to_record(const ControllerRegistration& controller) {
  kafka::RegisterControllerRecord record;
  record.controller_id = controller.id.value();
  record.incarnation_id = controller.incarnation_id;
  record.end_points =
      copy_endpoints<kafka::RegisterControllerRecord::ControllerEndpoint>(controller.listeners);
  record.features = copy_features<kafka::RegisterControllerRecord::ControllerFeature>(controller.features);
  return record;
}

kafka::PartitionRecord to_record(const base::Uuid& topic_id, std::int32_t id, const Partition& partition) {
  kafka::PartitionRecord record;
  record.partition_id = id;
  record.topic_id = topic_id;
  record.replicas = partition.replicas;
  record.isr = partition.isr;
  record.removing_replicas = partition.removing_replicas;
  record.adding_replicas = partition.adding_replicas;
  record.leader = partition.leader;
  record.leader_recovery_state = partition.leader_recovery_state;
  record.leader_epoch = partition.leader_epoch;
  record.partition_epoch = partition.partition_epoch;
  record.directories = partition.directories;
  if (!partition.elr.empty()) record.eligible_leader_replicas = partition.elr;
  if (!partition.last_known_elr.empty()) record.last_known_elr = partition.last_known_elr;
  return record;
}

using Take = std::function<base::Result<>(Record)>;

base::Result<> take_topic(const Topic& topic, const Take& take) {
  kafka::TopicRecord record;
  record.name = topic.name;
  record.topic_id = topic.id;
  TRY(take(std::move(record)));
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    if (!topic.partitions[i]) continue;
    TRY(take(to_record(topic.id, static_cast<std::int32_t>(i), *topic.partitions[i])));
  }
  return {};
}

base::Result<> take_configs(const Resource& resource, const Configs& configs, const Take& take) {
  for (const auto& [name, value] : configs) {
    kafka::ConfigRecord record;
    record.resource_type = static_cast<std::int8_t>(resource.type);
    record.resource_name = resource.name;
    record.name = name;
    record.value = value;
    TRY(take(std::move(record)));
  }
  return {};
}

}  // namespace

base::Result<> ImageBuilder::take_apart(const MetadataImage& image, const Take& take) {
  const auto feature = [&](const std::string& name, std::int16_t level) {
    kafka::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    return take(std::move(record));
  };
  // metadata.version comes first: it says how to read the rest.
  if (const auto level = image.feature_level(kMetadataVersion); level > 0) {
    TRY(feature(std::string(kMetadataVersion), level));
  }
  for (const auto& [name, level] : image.features_) {
    if (name != kMetadataVersion) TRY(feature(name, level));
  }
  for (const auto& [id, broker] : image.brokers_) TRY(take(to_record(*broker)));
  for (const auto& [id, controller] : image.controllers_) TRY(take(to_record(*controller)));
  for (const auto& topic : image.topics()) TRY(take_topic(*topic, take));
  for (const auto& [resource, configs] : image.configs_) TRY(take_configs(resource, *configs, take));
  TRY(take_opaque(image, "quota/", take));
  if (image.next_producer_id_ > 0) {
    kafka::ProducerIdsRecord record;
    record.broker_id = -1;
    record.broker_epoch = -1;
    record.next_producer_id = image.next_producer_id_;
    TRY(take(record));
  }
  for (const char* kind : {"acl/", "scram/", "token/"}) TRY(take_opaque(image, kind, take));
  return {};
}

void ImageBuilder::become(const MetadataImage& image) {
  const auto is_same = [](const Topic& a, const Topic& b) {
    return a.name == b.name &&
           std::ranges::equal(a.partitions, b.partitions,
                              [](const auto& x, const auto& y) { return x == y || (x && y && *x == *y); });
  };
  image_.topics_by_id_.for_each([&](const base::Uuid& id, const std::shared_ptr<Topic>& was) {
    const auto* is = image.topics_by_id_.find(id);
    if (is == nullptr || !is_same(*was, **is)) changed_topics_.insert(id);
  });
  image.topics_by_id_.for_each([&](const base::Uuid& id, const std::shared_ptr<Topic>& /*topic*/) {
    if (image_.topics_by_id_.find(id) == nullptr) changed_topics_.insert(id);
  });
  for (const MetadataImage* side : {&std::as_const(image_), &image}) {
    for (const auto& [resource, configs] : side->configs_) {
      if (image_.configs(resource) != image.configs(resource)) changed_configs_.insert(resource);
    }
  }
  is_brokers_changed_ |= !std::ranges::equal(
      image_.brokers_, image.brokers_,
      [](const auto& a, const auto& b) { return a.first == b.first && *a.second == *b.second; });
  image_ = image;
  transaction_.reset();
}

base::Result<> ImageBuilder::take_opaque(const MetadataImage& image, std::string_view kind,
                                         const Take& take) {
  Records records;
  image.opaque_.for_each([&](const std::string& replaces, const std::shared_ptr<const base::Bytes>& bytes) {
    if (replaces.starts_with(kind)) records.emplace_back(OpaqueRecord{replaces, false, *bytes});
  });
  for (Record& record : records) TRY(take(std::move(record)));
  return {};
}

}  // namespace penstock::metadata
