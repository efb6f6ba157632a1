#include "broker/metadata/config_view.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/assert.h"
#include "broker/metadata/topic_config.h"

namespace penstock::metadata {
namespace {

bool is_sensitive_name(std::string_view name) {
  return name.find("password") != std::string_view::npos || name.find("secret") != std::string_view::npos ||
         name.ends_with("jaas.config") || name.ends_with("keystore.key") ||
         name.ends_with("keystore.certificate.chain");
}

// A broker's value as the topic key says it: hours become milliseconds.
std::string scaled(const std::string& text, std::int64_t factor) {
  if (factor == 1) return text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return text;
  if (value <= 0) return std::to_string(value);
  // What is longer than there is time means never.
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  return std::to_string(value > kNever / factor ? kNever : value * factor);
}

std::string unscaled(const std::string& text, std::int64_t factor) {
  return factor == 1 ? text : std::to_string(std::stoll(text) / factor);
}

const std::string* find_in(const Configs& configs, std::string_view name) {
  const auto found = configs.find(name);
  return found == configs.end() ? nullptr : &found->second;
}

}  // namespace

BrokerConfigView::BrokerConfigView(kafka::NodeId node, base::Properties static_properties,
                                   std::vector<const base::ConfigSection*> sections)
    : node_(node), static_(std::move(static_properties)), sections_(std::move(sections)) {}

const base::ConfigKey* BrokerConfigView::find_broker_key(std::string_view name) const {
  for (const auto* section : sections_) {
    if (const auto* key = section->find(name)) return key;
  }
  return nullptr;
}

ConfigEntry BrokerConfigView::resolve_topic_key(const MetadataImage& image, const Configs& overrides,
                                                const TopicKey& topic_key) const {
  const base::ConfigKey& key = *topic_key.key;
  ConfigEntry entry;
  entry.name = key.name();
  entry.type = key.type();
  entry.doc = key.doc();
  // The value that counts is the first; each keeps its own name and unit in the list.
  std::vector<std::string> values;
  const auto add = [&](std::string_view name, const std::string& value, ConfigSource source,
                       std::int64_t factor) {
    entry.synonyms.push_back({std::string(name), value, source});
    values.push_back(scaled(value, factor));
  };
  if (const auto* value = find_in(overrides, key.name())) add(key.name(), *value, ConfigSource::kTopic, 1);
  const Configs& own = image.configs({ResourceType::kBroker, std::to_string(node_.value())});
  const Configs& all = image.configs({ResourceType::kBroker, ""});
  for (const auto& synonym : topic_key.synonyms) {
    if (const auto* v = find_in(own, synonym.broker_key)) {
      add(synonym.broker_key, *v, ConfigSource::kDynamicBroker, synonym.factor);
    }
    if (const auto* v = find_in(all, synonym.broker_key)) {
      add(synonym.broker_key, *v, ConfigSource::kDynamicDefaultBroker, synonym.factor);
    }
    if (const auto v = static_.find(synonym.broker_key); v != static_.end()) {
      add(synonym.broker_key, v->second, ConfigSource::kStaticBroker, synonym.factor);
    }
  }
  // Of several broker keys the last has the default, in its own unit: log.retention.hours, not
  // log.retention.ms.
  if (topic_key.synonyms.empty()) {
    add(key.name(), key.default_text(), ConfigSource::kDefault, 1);
  } else {
    const auto& last = topic_key.synonyms.back();
    add(last.broker_key, unscaled(key.default_text(), last.factor), ConfigSource::kDefault, last.factor);
  }
  entry.value = values.front();
  entry.source = entry.synonyms.front().source;
  return entry;
}

std::vector<ConfigEntry> BrokerConfigView::describe_topic(const MetadataImage& image,
                                                          std::string_view topic) const {
  return describe_topic_with(image, image.configs({ResourceType::kTopic, std::string(topic)}));
}

std::vector<ConfigEntry> BrokerConfigView::describe_topic_with(const MetadataImage& image,
                                                               const Configs& overrides) const {
  std::vector<ConfigEntry> entries;
  for (const TopicKey& key : topic_keys()) entries.push_back(resolve_topic_key(image, overrides, key));
  return entries;
}

std::vector<ConfigEntry> BrokerConfigView::describe_broker(const MetadataImage& image,
                                                           std::optional<kafka::NodeId> node) const {
  const Configs& all = image.configs({ResourceType::kBroker, ""});
  static const Configs kNone;
  const Configs& own = node ? image.configs({ResourceType::kBroker, std::to_string(node->value())}) : kNone;
  std::map<std::string, const base::ConfigKey*, std::less<>> names;
  if (node) {
    for (const auto* section : sections_) {
      for (const auto* key : section->keys()) names.emplace(key->name(), key);
    }
    for (const auto& [name, value] : static_) names.emplace(name, find_broker_key(name));
    for (const auto& [name, value] : own) names.emplace(name, find_broker_key(name));
  }
  for (const auto& [name, value] : all) names.emplace(name, find_broker_key(name));

  std::vector<ConfigEntry> entries;
  for (const auto& [name, key] : names) {
    ConfigEntry entry;
    entry.name = name;
    entry.is_sensitive = is_sensitive_name(name);
    if (key != nullptr) {
      entry.type = key->type();
      entry.doc = key->doc();
      entry.is_read_only = key->update() == base::Update::kReadOnly;
    }
    const auto add = [&](const std::string& value, ConfigSource source) {
      entry.synonyms.push_back(
          {name, entry.is_sensitive ? std::optional<std::string>() : std::optional(value), source});
    };
    if (const auto* v = find_in(own, name)) add(*v, ConfigSource::kDynamicBroker);
    if (const auto* v = find_in(all, name)) add(*v, ConfigSource::kDynamicDefaultBroker);
    if (node) {
      if (const auto v = static_.find(name); v != static_.end()) add(v->second, ConfigSource::kStaticBroker);
      if (key != nullptr) add(key->default_text(), ConfigSource::kDefault);
    }
    if (entry.synonyms.empty()) continue;
    entry.value = entry.synonyms.front().value;
    entry.source = entry.synonyms.front().source;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> BrokerConfigView::describe_other(const MetadataImage& image,
                                                          const Resource& resource) const {
  const ConfigSource source =
      resource.type == ResourceType::kGroup ? ConfigSource::kGroup : ConfigSource::kClientMetrics;
  std::vector<ConfigEntry> entries;
  for (const auto& [name, value] : image.configs(resource)) {
    ConfigEntry entry;
    entry.name = name;
    entry.value = value;
    entry.source = source;
    entry.synonyms = {{name, value, source}};
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string BrokerConfigView::topic_value(const MetadataImage& image, std::string_view topic,
                                          std::string_view name) const {
  const TopicKey* key = find_topic_key(name);
  BASE_ASSERT(key != nullptr, "a topic config");
  const Configs& overrides = image.configs({ResourceType::kTopic, std::string(topic)});
  return resolve_topic_key(image, overrides, *key).value.value_or("");
}

base::Properties BrokerConfigView::topic_properties(const MetadataImage& image,
                                                    std::string_view topic) const {
  base::Properties properties;
  for (auto& entry : describe_topic(image, topic)) {
    if (entry.value && !entry.is_default()) properties[entry.name] = *entry.value;
  }
  return properties;
}

base::Properties BrokerConfigView::broker_properties(const MetadataImage& image) const {
  base::Properties properties = static_;
  for (const auto& [name, value] : image.configs({ResourceType::kBroker, ""})) properties[name] = value;
  const Resource own{ResourceType::kBroker, std::to_string(node_.value())};
  for (const auto& [name, value] : image.configs(own)) properties[name] = value;
  return properties;
}

}  // namespace penstock::metadata
