#include "operator/resources/rules.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "operator/resources/quantity.h"

namespace penstock::resources {
namespace {

bool no_key(const Json& self, bool (*is_refused)(std::string_view key)) {
  return std::none_of(self.items().begin(), self.items().end(),
                      [is_refused](const auto& item) { return is_refused(item.key()); });
}

bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

bool starts_with_one_of(std::string_view key, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [key](std::string_view prefix) { return key.starts_with(prefix); });
}

bool min_isr_fits(const Json& self, int default_factor) {
  if (!self.contains("minInSyncReplicas")) return true;
  if (!self.contains("replicationFactor") && default_factor == 0) return true;
  const auto factor = self.value("replicationFactor", static_cast<std::int64_t>(default_factor));
  return self["minInSyncReplicas"].get<std::int64_t>() <= factor;
}

double quantity_or_zero(const Json& text) { return parse_quantity(text.get<std::string>()).value_or(0); }

constexpr std::string_view kCluster = "KafkaCluster";
constexpr std::string_view kTopic = "KafkaTopic";

constexpr auto kRules = std::to_array<Rule>({
    {kCluster, "spec.storage.size", "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
     "must be a quantity above zero such as 10Gi", false,
     [](const Json& self, const Json&) { return quantity_or_zero(self) > 0; }},
    {kCluster, "spec.storage.size",
     "!isQuantity(self) || !isQuantity(oldSelf) || quantity(self).compareTo(quantity(oldSelf)) >= 0",
     "a volume cannot shrink; keep the size or raise it", true,
     [](const Json& self, const Json& old_self) {
       return !parse_quantity(self.get<std::string>()) ||
              quantity_or_zero(self) >= quantity_or_zero(old_self);
     }},
    {kCluster, "spec.storage.storageClassName", "self == oldSelf",
     "the storage class cannot be changed after creation", true,
     [](const Json& self, const Json& old_self) { return self == old_self; }},
    {kCluster, "spec.config",
     "self.all(k, !(k in ['node.id', 'broker.id', 'process.roles', 'log.dir', 'log.dirs', "
     "'metadata.log.dir', "
     "'inter.broker.listener.name']))",
     "node.id, broker.id, process.roles, log.dir, log.dirs, metadata.log.dir and inter.broker.listener.name "
     "are set "
     "by the operator",
     false,
     [](const Json& self, const Json&) {
       return no_key(self, [](std::string_view key) {
         return is_one_of(key, {"node.id", "broker.id", "process.roles", "log.dir", "log.dirs",
                                "metadata.log.dir", "inter.broker.listener.name"});
       });
     }},
    {kCluster, "spec.config",
     "self.all(k, !k.startsWith('listener') && !k.startsWith('advertised.') && !k.startsWith('controller.') "
     "&& "
     "!k.startsWith('penstock.'))",
     "properties that start with listener, advertised., controller. or penstock. are set by the operator",
     false,
     [](const Json& self, const Json&) {
       return no_key(self, [](std::string_view key) {
         return starts_with_one_of(key, {"listener", "advertised.", "controller.", "penstock."});
       });
     }},
    {kCluster, "spec.config",
     "self.all(k, !k.startsWith('sasl.') && !k.startsWith('ssl.') && !k.startsWith('security.') && "
     "!k.startsWith('authorizer.') && k != 'super.users')",
     "properties that start with sasl., ssl., security. or authorizer. and super.users are not supported by "
     "this "
     "version",
     false,
     [](const Json& self, const Json&) {
       return no_key(self, [](std::string_view key) {
         return starts_with_one_of(key, {"sasl.", "ssl.", "security.", "authorizer."}) ||
                key == "super.users";
       });
     }},
    {kCluster, "spec.config",
     "self.all(k, !(k in ['num.partitions', 'default.replication.factor', 'min.insync.replicas']))",
     "use spec.topicDefaults for num.partitions, default.replication.factor and min.insync.replicas", false,
     [](const Json& self, const Json&) {
       return no_key(self, [](std::string_view key) {
         return is_one_of(key, {"num.partitions", "default.replication.factor", "min.insync.replicas"});
       });
     }},
    {kCluster, "spec",
     "!has(self.topicDefaults) || !has(self.topicDefaults.replicationFactor) || "
     "self.topicDefaults.replicationFactor <= self.replicas",
     "topicDefaults.replicationFactor is larger than replicas", false,
     [](const Json& self, const Json&) {
       const Json defaults = self.value("topicDefaults", Json::object());
       return !defaults.contains("replicationFactor") ||
              defaults["replicationFactor"].get<std::int64_t>() <= self.value("replicas", std::int64_t{1});
     }},
    {kCluster, "spec",
     "!has(self.topicDefaults) || !has(self.topicDefaults.minInSyncReplicas) || "
     "self.topicDefaults.minInSyncReplicas <= (has(self.topicDefaults.replicationFactor) ? "
     "self.topicDefaults.replicationFactor : (self.replicas < 3 ? self.replicas : 3))",
     "topicDefaults.minInSyncReplicas is larger than replicationFactor (the number of brokers and at most 3 "
     "if "
     "not given), so that no produce with acks=all could succeed",
     false,
     [](const Json& self, const Json&) {
       const std::int64_t brokers = self.value("replicas", std::int64_t{1});
       return min_isr_fits(self.value("topicDefaults", Json::object()),
                           static_cast<int>(std::min<std::int64_t>(brokers, 3)));
     }},
    {kCluster, "spec", "has(self.storage.storageClassName) == has(oldSelf.storage.storageClassName)",
     "storage.storageClassName cannot be added or removed after creation", true,
     [](const Json& self, const Json& old_self) {
       return self["storage"].contains("storageClassName") ==
              old_self["storage"].contains("storageClassName");
     }},

    {kTopic, "spec.clusterRef", "self == oldSelf", "clusterRef cannot be changed; make another KafkaTopic",
     true, [](const Json& self, const Json& old_self) { return self == old_self; }},
    {kTopic, "spec.topicName", "self != '.' && self != '..'", "a topic cannot be named . or ..", false,
     [](const Json& self, const Json&) { return self != "." && self != ".."; }},
    {kTopic, "spec.topicName",
     "!(self in ['__consumer_offsets', '__transaction_state', '__share_group_state', '__cluster_metadata'])",
     "internal topics of Kafka cannot be managed by a KafkaTopic", false,
     [](const Json& self, const Json&) {
       return !is_one_of(self.get_ref<const std::string&>(), {"__consumer_offsets", "__transaction_state",
                                                              "__share_group_state", "__cluster_metadata"});
     }},
    {kTopic, "spec.partitions", "self >= oldSelf", "the number of partitions cannot be lowered", true,
     [](const Json& self, const Json& old_self) {
       return self.get<std::int64_t>() >= old_self.get<std::int64_t>();
     }},
    {kTopic, "spec.config", "!('min.insync.replicas' in self)",
     "use spec.minInSyncReplicas for min.insync.replicas", false,
     [](const Json& self, const Json&) { return !self.contains("min.insync.replicas"); }},
    {kTopic, "spec",
     "!has(self.minInSyncReplicas) || !has(self.replicationFactor) || self.minInSyncReplicas <= "
     "self.replicationFactor",
     "minInSyncReplicas is larger than replicationFactor, so that no produce with acks=all could succeed",
     false, [](const Json& self, const Json&) { return min_isr_fits(self, 0); }},
    {kTopic, "spec",
     "has(self.topicName) == has(oldSelf.topicName) && (!has(self.topicName) || self.topicName == "
     "oldSelf.topicName)",
     "topicName cannot be changed; make another KafkaTopic", true,
     [](const Json& self, const Json& old_self) {
       return self.value("topicName", Json()) == old_self.value("topicName", Json());
     }},
});

}  // namespace

std::span<const Rule> rules() { return kRules; }

}  // namespace penstock::resources
