// MetadataImage: what the cluster looks like after a prefix of the metadata log. Immutable once published.
//
// Lifetime: held by shared_ptr<const MetadataImage>; pointers into it live as long as the image.
// Threads: a published image is read by any thread.
// Source: the records of __cluster_metadata (KIP-631, KIP-858, KIP-966).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "broker/metadata/cow_map.h"
#include "kafka/ids.h"

namespace penstock::metadata {

struct Endpoint {
  std::string name;  // The listener: "PLAINTEXT".
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;
  bool operator==(const Endpoint&) const = default;
};

struct FeatureRange {
  std::string name;
  std::int16_t min_version = 0;
  std::int16_t max_version = 0;
  bool operator==(const FeatureRange&) const = default;
};

struct BrokerRegistration {
  kafka::NodeId id{};
  kafka::BrokerEpoch epoch{};
  base::Uuid incarnation_id{};
  std::vector<Endpoint> listeners{};
  std::vector<FeatureRange> features{};
  std::optional<std::string> rack{};
  bool is_fenced = true;
  bool in_controlled_shutdown = false;
  std::vector<base::Uuid> directories{};
  std::optional<std::vector<base::Uuid>> cordoned_directories{};

  // Null when the broker has no listener of that name.
  const Endpoint* endpoint(std::string_view listener_name) const;
  bool is_active() const { return !is_fenced && !in_controlled_shutdown; }
  bool operator==(const BrokerRegistration&) const = default;
};

struct ControllerRegistration {
  kafka::NodeId id{};
  base::Uuid incarnation_id{};
  std::vector<Endpoint> listeners{};
  std::vector<FeatureRange> features{};
  bool operator==(const ControllerRegistration&) const = default;
};

inline constexpr std::int32_t kNoLeader = -1;

// One partition, as PartitionRecord and PartitionChangeRecord build it. Ids are node ids.
struct Partition {
  std::vector<std::int32_t> replicas{};
  std::vector<std::int32_t> isr{};
  std::vector<std::int32_t> removing_replicas{};
  std::vector<std::int32_t> adding_replicas{};
  std::vector<std::int32_t> elr{};
  std::vector<std::int32_t> last_known_elr{};
  std::vector<base::Uuid> directories{};  // Of each replica, in the same order.
  std::int32_t leader = kNoLeader;
  std::int8_t leader_recovery_state = 0;  // 0 recovered, 1 recovering.
  std::int32_t leader_epoch = 0;
  std::int32_t partition_epoch = 0;

  bool has_replica(kafka::NodeId node) const;
  bool is_in_isr(kafka::NodeId node) const;
  // Unassigned (zero) when the node is no replica.
  base::Uuid directory_of(kafka::NodeId node) const;
  bool is_being_reassigned() const { return !removing_replicas.empty() || !adding_replicas.empty(); }
  bool operator==(const Partition&) const = default;
};

struct Topic {
  std::string name;
  base::Uuid id{};
  // By partition id; a null is a gap, which only a damaged log has.
  std::vector<std::shared_ptr<Partition>> partitions{};

  const Partition* partition(kafka::PartitionId id_of_partition) const;
  std::int32_t partition_count() const { return static_cast<std::int32_t>(partitions.size()); }
};

// As the protocol numbers them.
enum class ResourceType : std::int8_t {
  kUnknown = 0,
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32
};

struct Resource {
  ResourceType type = ResourceType::kUnknown;
  std::string name;  // Empty for the default of all brokers.
  friend auto operator<=>(const Resource&, const Resource&) = default;
};

using Configs = std::map<std::string, std::string, std::less<>>;

class MetadataImage {
 public:
  // The last record that this image covers; -1 before any.
  kafka::Offset last_offset() const { return last_offset_; }
  kafka::LeaderEpoch last_epoch() const { return last_epoch_; }

  // The finalized level, 0 when it was never set.
  std::int16_t feature_level(std::string_view name) const;
  const std::map<std::string, std::int16_t, std::less<>>& features() const { return features_; }

  const BrokerRegistration* broker(kafka::NodeId id) const;
  // Every registered broker, by id, fenced ones included.
  const std::map<kafka::NodeId, std::shared_ptr<const BrokerRegistration>>& brokers() const {
    return brokers_;
  }
  const std::map<kafka::NodeId, std::shared_ptr<const ControllerRegistration>>& controllers() const {
    return controllers_;
  }

  // Null when there is no such topic.
  std::shared_ptr<const Topic> topic(std::string_view name) const;
  std::shared_ptr<const Topic> topic(const base::Uuid& id) const;
  const Partition* partition(const base::Uuid& topic_id, kafka::PartitionId id) const;
  std::size_t topic_count() const { return topics_by_id_.size(); }
  // Sorted by name.
  std::vector<std::shared_ptr<const Topic>> topics() const;

  // What was set for exactly this resource; empty when nothing was.
  const Configs& configs(const Resource& resource) const;
  // Every resource that has configs.
  std::vector<Resource> configured_resources() const;

  // The first producer id that was never handed out.
  std::int64_t next_producer_id() const { return next_producer_id_; }

 private:
  friend class ImageBuilder;

  kafka::Offset last_offset_{-1};
  kafka::LeaderEpoch last_epoch_{-1};
  std::map<std::string, std::int16_t, std::less<>> features_;
  std::map<kafka::NodeId, std::shared_ptr<const BrokerRegistration>> brokers_;
  std::map<kafka::NodeId, std::shared_ptr<const ControllerRegistration>> controllers_;
  CowMap<base::Uuid, std::shared_ptr<Topic>> topics_by_id_;
  CowMap<std::string, base::Uuid> topic_ids_;
  std::map<Resource, std::shared_ptr<Configs>> configs_;
  std::int64_t next_producer_id_ = 0;
  // Records that this version only carries (quotas, ACLs, SCRAM, tokens), by what they replace.
  CowMap<std::string, std::shared_ptr<const base::Bytes>> opaque_;
};

using ImagePtr = std::shared_ptr<const MetadataImage>;

}  // namespace penstock::metadata
