// Effective configuration: a topic's or a broker's value of each key, where it comes from and what it hides,
// as DescribeConfigs shows it. Resolution: topic, then this broker's dynamic config, then the default of all
// brokers, then server.properties, then Kafka's default.
//
// Threads: immutable after construction; any.
// Source: KIP-226; ConfigHelper and DynamicBrokerConfig of Apache Kafka behave so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "broker/metadata/image.h"
#include "kafka/ids.h"

namespace penstock::metadata {

// As DescribeConfigs numbers them.
enum class ConfigSource : std::int8_t {
  kUnknown = 0,
  kTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefaultBroker = 3,
  kStaticBroker = 4,
  kDefault = 5,
  kDynamicBrokerLogger = 6,
  kClientMetrics = 7,
  kGroup = 8
};

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::kDefault;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // Absent when it is null or sensitive.
  ConfigSource source = ConfigSource::kDefault;
  base::ConfigType type = base::ConfigType::kString;
  bool is_read_only = false;
  bool is_sensitive = false;
  std::string doc;
  std::vector<ConfigSynonym> synonyms{};  // The one in effect first.

  bool is_default() const { return source == ConfigSource::kDefault; }
};

class BrokerConfigView {
 public:
  // `static_properties` is what server.properties and --override gave. `sections` are the broker's own, for
  // their keys, defaults and documentation; they outlive this.
  BrokerConfigView(kafka::NodeId node, base::Properties static_properties,
                   std::vector<const base::ConfigSection*> sections);

  // Every topic config in effect on this broker, by name. The topic need not exist.
  std::vector<ConfigEntry> describe_topic(const MetadataImage& image, std::string_view topic) const;
  // As describe_topic(), of a topic that would have just these overrides; for CreateTopics' answer.
  std::vector<ConfigEntry> describe_topic_with(const MetadataImage& image, const Configs& overrides) const;
  // Every config of this broker; with `node` absent, what is set for the default of all brokers.
  std::vector<ConfigEntry> describe_broker(const MetadataImage& image,
                                           std::optional<kafka::NodeId> node) const;
  // What is set for a group or a client-metrics subscription.
  std::vector<ConfigEntry> describe_other(const MetadataImage& image, const Resource& resource) const;

  // The text of one topic config in effect. REQUIRES: there is such a config.
  std::string topic_value(const MetadataImage& image, std::string_view topic, std::string_view name) const;
  // Text of every topic config in effect, as base::ConfigSection::load takes it.
  base::Properties topic_properties(const MetadataImage& image, std::string_view topic) const;
  // server.properties overlaid by the dynamic configs that apply to this broker.
  base::Properties broker_properties(const MetadataImage& image) const;
  // Null when none of the sections has it.
  const base::ConfigKey* find_broker_key(std::string_view name) const;

 private:
  ConfigEntry resolve_topic_key(const MetadataImage& image, const Configs& overrides,
                                const struct TopicKey& key) const;
  kafka::NodeId node_;
  base::Properties static_;
  std::vector<const base::ConfigSection*> sections_;
};

}  // namespace penstock::metadata
