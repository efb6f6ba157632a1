#include "broker/metadata/image_builder.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "broker/metadata/registration_fields.h"

namespace penstock::metadata {
namespace {

base::Result<> misfit(std::string what) { return base::fail(base::Errc::kCorrupt, std::move(what)); }

// What whoever works with a partition counts on.
base::Result<> check_partition(std::string_view topic, std::int32_t index, const Partition& partition) {
  const auto refuse = [&](std::string_view why) {
    return misfit(fmt::format("{}-{} {}", topic, index, why));
  };
  if (partition.replicas.empty()) return refuse("has no replicas");
  if (partition.directories.size() != partition.replicas.size()) {
    return refuse(fmt::format("has {} directories for {} replicas", partition.directories.size(),
                              partition.replicas.size()));
  }
  return {};
}

bool is_last_epoch(std::int32_t epoch) { return epoch == std::numeric_limits<std::int32_t>::max(); }

}  // namespace

ImageBuilder::ImageBuilder(const MetadataImage& from)
    : image_(from), published_(std::make_shared<const MetadataImage>(from)) {}

base::Result<> ImageBuilder::replay(const Record& record) {
  const bool is_bracket = std::holds_alternative<kafka::EndTransactionRecord>(record) ||
                          std::holds_alternative<kafka::AbortTransactionRecord>(record) ||
                          std::holds_alternative<kafka::BeginTransactionRecord>(record);
  if (transaction_ && !is_bracket) {
    transaction_->push_back(record);
    return {};
  }
  auto applied = std::visit([this](const auto& r) { return apply(r); }, record);
  if (!applied) return base::fail(applied.error().context(record_name(record)));
  return {};
}

void ImageBuilder::set_position(kafka::Offset offset, kafka::LeaderEpoch epoch) {
  image_.last_offset_ = offset;
  image_.last_epoch_ = epoch;
}

ImageUpdate ImageBuilder::publish() {
  ImageUpdate update;
  update.before = published_;
  update.after = std::make_shared<const MetadataImage>(image_);
  update.changed_topics.assign(changed_topics_.begin(), changed_topics_.end());
  update.changed_configs.assign(changed_configs_.begin(), changed_configs_.end());
  update.is_brokers_changed = std::exchange(is_brokers_changed_, false);
  changed_topics_.clear();
  changed_configs_.clear();
  published_ = update.after;
  return update;
}

base::Result<> ImageBuilder::apply(const kafka::RegisterBrokerRecord& record) {
  auto broker = std::make_shared<BrokerRegistration>();
  broker->id = kafka::NodeId(record.broker_id);
  broker->epoch = kafka::BrokerEpoch(record.broker_epoch);
  broker->incarnation_id = record.incarnation_id;
  broker->listeners = copy_endpoints<Endpoint>(record.end_points);
  broker->features = copy_features<FeatureRange>(record.features);
  broker->rack = record.rack;
  broker->is_fenced = record.fenced;
  broker->in_controlled_shutdown = record.in_controlled_shutdown;
  broker->directories = record.log_dirs;
  broker->cordoned_directories = record.cordoned_log_dirs;
  image_.brokers_[broker->id] = std::move(broker);
  is_brokers_changed_ = true;
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::UnregisterBrokerRecord& record) {
  if (image_.brokers_.erase(kafka::NodeId(record.broker_id)) == 0) {
    return misfit(fmt::format("broker {} is not registered", record.broker_id));
  }
  is_brokers_changed_ = true;
  return {};
}

base::Result<BrokerRegistration*> ImageBuilder::broker_for_change(std::int32_t id, std::int64_t epoch) {
  const auto found = image_.brokers_.find(kafka::NodeId(id));
  if (found == image_.brokers_.end() || found->second->epoch != kafka::BrokerEpoch(epoch)) {
    return base::fail(base::Errc::kCorrupt,
                      fmt::format("broker {} of epoch {} is not registered", id, epoch));
  }
  auto copy = std::make_shared<BrokerRegistration>(*found->second);
  BrokerRegistration* changed = copy.get();
  found->second = std::move(copy);
  is_brokers_changed_ = true;
  return changed;
}

base::Result<> ImageBuilder::apply(const kafka::FenceBrokerRecord& record) {
  TRY_ASSIGN(auto* broker, broker_for_change(record.id, record.epoch));
  broker->is_fenced = true;
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::UnfenceBrokerRecord& record) {
  TRY_ASSIGN(auto* broker, broker_for_change(record.id, record.epoch));
  broker->is_fenced = false;
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::BrokerRegistrationChangeRecord& record) {
  TRY_ASSIGN(auto* broker, broker_for_change(record.broker_id, record.broker_epoch));
  if (record.fenced != 0) broker->is_fenced = record.fenced > 0;
  if (record.in_controlled_shutdown != 0) broker->in_controlled_shutdown = record.in_controlled_shutdown > 0;
  if (!record.log_dirs.empty()) broker->directories = record.log_dirs;
  if (record.cordoned_log_dirs) broker->cordoned_directories = record.cordoned_log_dirs;
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::RegisterControllerRecord& record) {
  auto controller = std::make_shared<ControllerRegistration>();
  controller->id = kafka::NodeId(record.controller_id);
  controller->incarnation_id = record.incarnation_id;
  controller->listeners = copy_endpoints<Endpoint>(record.end_points);
  controller->features = copy_features<FeatureRange>(record.features);
  image_.controllers_[controller->id] = std::move(controller);
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::TopicRecord& record) {
  if (image_.topic_ids_.find(record.name) != nullptr ||
      image_.topics_by_id_.find(record.topic_id) != nullptr) {
    return misfit(
        fmt::format("'{}' or its id {} is there already", record.name, record.topic_id.to_string()));
  }
  auto topic = std::make_shared<Topic>();
  topic->name = record.name;
  topic->id = record.topic_id;
  image_.topic_ids_.set(record.name, record.topic_id);
  image_.topics_by_id_.set(record.topic_id, std::move(topic));
  changed_topics_.insert(record.topic_id);
  return {};
}

base::Result<Topic*> ImageBuilder::topic_for_change(const base::Uuid& id) {
  auto* slot = image_.topics_by_id_.find_for_change(id);
  if (slot == nullptr) {
    return base::fail(base::Errc::kCorrupt, fmt::format("there is no topic {}", id.to_string()));
  }
  changed_topics_.insert(id);
  return &make_unique_for_change(*slot);
}

base::Result<> ImageBuilder::apply(const kafka::PartitionRecord& record) {
  TRY_ASSIGN(auto* topic, topic_for_change(record.topic_id));
  // Kafka writes the partitions of a large topic nearly in order. What lies between takes memory.
  constexpr std::int32_t kAheadMax = 1024;
  if (record.partition_id < 0 || record.partition_id > topic->partition_count() + kAheadMax) {
    return misfit(fmt::format("partition {} of '{}', which has {}", record.partition_id, topic->name,
                              topic->partition_count()));
  }
  auto partition = std::make_shared<Partition>();
  partition->replicas = record.replicas;
  partition->isr = record.isr;
  partition->removing_replicas = record.removing_replicas;
  partition->adding_replicas = record.adding_replicas;
  partition->leader = record.leader;
  partition->leader_recovery_state = record.leader_recovery_state;
  partition->leader_epoch = record.leader_epoch;
  partition->partition_epoch = record.partition_epoch;
  partition->directories = record.directories;
  if (partition->directories.empty()) partition->directories.resize(partition->replicas.size());
  partition->elr = record.eligible_leader_replicas.value_or(std::vector<std::int32_t>());
  partition->last_known_elr = record.last_known_elr.value_or(std::vector<std::int32_t>());
  TRY(check_partition(topic->name, record.partition_id, *partition));
  const auto index = static_cast<std::size_t>(record.partition_id);
  if (topic->partitions.size() <= index) topic->partitions.resize(index + 1);
  topic->partitions[index] = std::move(partition);
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::PartitionChangeRecord& record) {
  TRY_ASSIGN(auto* topic, topic_for_change(record.topic_id));
  if (topic->partition(kafka::PartitionId(record.partition_id)) == nullptr) {
    return misfit(fmt::format("'{}' has no partition {}", topic->name, record.partition_id));
  }
  constexpr std::int32_t kNoLeaderChange = -2;
  auto& slot = topic->partitions[static_cast<std::size_t>(record.partition_id)];
  Partition partition = *slot;
  if (record.isr) partition.isr = *record.isr;
  if (record.replicas) {
    // A directory stays with its replica wherever that moves in the list.
    std::vector<base::Uuid> directories;
    for (const auto id : *record.replicas) directories.push_back(partition.directory_of(kafka::NodeId(id)));
    partition.replicas = *record.replicas;
    partition.directories = std::move(directories);
  }
  if (record.directories) partition.directories = *record.directories;
  if (record.removing_replicas) partition.removing_replicas = *record.removing_replicas;
  if (record.adding_replicas) partition.adding_replicas = *record.adding_replicas;
  if (record.eligible_leader_replicas) partition.elr = *record.eligible_leader_replicas;
  if (record.last_known_elr) partition.last_known_elr = *record.last_known_elr;
  if (record.leader_recovery_state >= 0) partition.leader_recovery_state = record.leader_recovery_state;
  const bool is_leader_changed = record.leader != kNoLeaderChange;
  if (is_last_epoch(partition.partition_epoch) ||
      (is_leader_changed && is_last_epoch(partition.leader_epoch)))
    return misfit(fmt::format("{}-{} has no epochs left", topic->name, record.partition_id));
  if (is_leader_changed) {
    partition.leader = record.leader;
    ++partition.leader_epoch;
  }
  ++partition.partition_epoch;
  TRY(check_partition(topic->name, record.partition_id, partition));
  slot = std::make_shared<Partition>(std::move(partition));
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::RemoveTopicRecord& record) {
  const auto* topic = image_.topics_by_id_.find(record.topic_id);
  if (topic == nullptr) return misfit(fmt::format("there is no topic {}", record.topic_id.to_string()));
  const Resource resource{ResourceType::kTopic, (*topic)->name};
  if (image_.configs_.erase(resource) > 0) changed_configs_.insert(resource);
  image_.topic_ids_.erase((*topic)->name);
  image_.topics_by_id_.erase(record.topic_id);
  changed_topics_.insert(record.topic_id);
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::ConfigRecord& record) {
  const Resource resource{static_cast<ResourceType>(record.resource_type), record.resource_name};
  changed_configs_.insert(resource);
  Configs& configs = make_unique_for_change(image_.configs_[resource]);
  if (record.value) {
    configs[record.name] = *record.value;
  } else {
    configs.erase(record.name);
  }
  if (configs.empty()) image_.configs_.erase(resource);
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::FeatureLevelRecord& record) {
  if (record.feature_level < 0) {
    return misfit(fmt::format("feature '{}' at level {}", record.name, record.feature_level));
  }
  if (record.feature_level == 0) {
    image_.features_.erase(record.name);
  } else {
    image_.features_[record.name] = record.feature_level;
  }
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::ProducerIdsRecord& record) {
  if (record.next_producer_id < image_.next_producer_id_) {
    return misfit(fmt::format("goes back to {}", record.next_producer_id));
  }
  image_.next_producer_id_ = record.next_producer_id;
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::ClearElrRecord& record) {
  std::vector<base::Uuid> ids;
  image_.topics_by_id_.for_each([&](const base::Uuid& id, const std::shared_ptr<Topic>& topic) {
    if (record.topic_name.empty() || topic->name == record.topic_name) ids.push_back(id);
  });
  for (const auto& id : ids) {
    TRY_ASSIGN(auto* topic, topic_for_change(id));
    for (auto& slot : topic->partitions) {
      if (!slot || (slot->elr.empty() && slot->last_known_elr.empty())) continue;
      if (is_last_epoch(slot->partition_epoch)) return misfit(topic->name + " has no epochs left");
      Partition& partition = make_unique_for_change(slot);
      partition.elr.clear();
      partition.last_known_elr.clear();
      ++partition.partition_epoch;
    }
  }
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::NoOpRecord& /*record*/) { return {}; }

// Logs that began before 4.0 have it; it says nothing any more.
base::Result<> ImageBuilder::apply(const kafka::ZkMigrationStateRecord& /*record*/) { return {}; }

base::Result<> ImageBuilder::apply(const kafka::BeginTransactionRecord& /*record*/) {
  if (transaction_) return misfit("a metadata transaction begins inside of another");
  transaction_.emplace();
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::EndTransactionRecord& /*record*/) {
  if (!transaction_) return misfit("a metadata transaction ends that never began");
  const Records records = std::move(*transaction_);
  transaction_.reset();
  for (const Record& record : records) TRY(replay(record));
  return {};
}

base::Result<> ImageBuilder::apply(const kafka::AbortTransactionRecord& /*record*/) {
  if (!transaction_) return misfit("a metadata transaction is aborted that never began");
  transaction_.reset();
  return {};
}

base::Result<> ImageBuilder::apply(const OpaqueRecord& record) {
  if (record.is_removal) {
    image_.opaque_.erase(record.replaces);
  } else {
    image_.opaque_.set(record.replaces, std::make_shared<const base::Bytes>(record.bytes));
  }
  return {};
}

}  // namespace penstock::metadata
