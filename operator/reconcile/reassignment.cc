#include "operator/reconcile/reassignment.h"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/resources/read_json.h"

namespace penstock::reconcile {
namespace {

using base::Result;
using Ids = std::vector<std::int32_t>;

constexpr base::Logger log("reconcile");

constexpr const char* kLeaderMarks = "leader.replication.throttled.replicas";
constexpr const char* kFollowerMarks = "follower.replication.throttled.replicas";
constexpr const char* kLeaderRate = "leader.replication.throttled.rate";
constexpr const char* kFollowerRate = "follower.replication.throttled.rate";

Ids without(const Ids& ids, const Ids& removed) {
  Ids rest;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(rest), [&](std::int32_t id) {
    return std::find(removed.begin(), removed.end(), id) == removed.end();
  });
  return rest;
}

// As Kafka's own tool marks them: on the leaders' side whoever may send, on the followers' side who comes.
struct Marks {
  std::string leaders;
  std::string followers;

  void add(std::size_t partition, const Ids& present, const Ids& coming) {
    if (coming.empty()) return;
    append(leaders, partition, present);
    append(followers, partition, coming);
  }
  static void append(std::string& text, std::size_t partition, const Ids& ids) {
    for (const std::int32_t id : ids) {
      text += (text.empty() ? "" : ",") + std::to_string(partition) + ":" + std::to_string(id);
    }
  }
};

Marks marks_of(const std::string& topic, const std::vector<PartitionState>& layout,
               const std::vector<PartitionMove>& moves) {
  Marks marks;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const auto begun = std::find_if(moves.begin(), moves.end(), [&](const PartitionMove& move) {
      return move.topic == topic && static_cast<std::size_t>(move.partition) == i;
    });
    const Ids present = without(layout[i].replicas, layout[i].adding);
    marks.add(i, present, begun == moves.end() ? layout[i].adding : without(begun->replicas, present));
  }
  return marks;
}

Ids ids_of(const ClusterLayout& layout) {
  Ids ids;
  for (const BrokerState& broker : layout.brokers) ids.push_back(broker.id);
  return ids;
}

aio::Task<Result<>> set_rates(TopicAdmin& admin, const ClusterLayout& layout) {
  const Ids brokers = ids_of(layout);
  CO_TRY_ASSIGN(const auto live,
                co_await admin.describe_broker_configs(brokers, {kLeaderRate, kFollowerRate}));
  for (const std::int32_t broker : brokers) {
    const auto found = live.find(broker);
    ConfigChanges changes;
    for (const char* rate : {kLeaderRate, kFollowerRate}) {
      // One that a person has set stands.
      if (found != live.end() && found->second.contains(rate)) continue;
      changes[rate] = std::to_string(kMoveBytesPerSecond);
    }
    if (!changes.empty()) CO_TRY(co_await admin.alter_broker_configs(broker, std::move(changes)));
  }
  co_return Result<>();
}

// The changes that take our rates away from those of `brokers` that have them.
aio::Task<Result<std::map<std::int32_t, ConfigChanges>>> our_rates(TopicAdmin& admin, Ids brokers) {
  CO_TRY_ASSIGN(const auto rates,
                co_await admin.describe_broker_configs(std::move(brokers), {kLeaderRate, kFollowerRate}));
  std::map<std::int32_t, ConfigChanges> ours;
  for (const auto& [broker, configs] : rates) {
    for (const auto& [name, value] : configs) {
      if (value == std::to_string(kMoveBytesPerSecond)) ours[broker][name] = std::nullopt;
    }
  }
  co_return ours;
}

}  // namespace

std::vector<std::int32_t> PartitionState::target() const { return without(replicas, removing); }

bool is_throttle_mark(std::string_view config) { return config == kLeaderMarks || config == kFollowerMarks; }

bool is_internal_topic(std::string_view topic) {
  return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state";
}

std::size_t count_moves(const ClusterLayout& layout) {
  std::size_t count = 0;
  for (const auto& [name, partitions] : layout.topics) {
    count += static_cast<std::size_t>(std::count_if(
        partitions.begin(), partitions.end(), [](const PartitionState& one) { return one.is_moving(); }));
  }
  return count;
}

std::vector<resources::ReplicaHost> staying_hosts(const Deps& deps, const std::string& ns,
                                                  const std::string& cluster_name,
                                                  const ClusterLayout& layout) {
  const auto cluster = resources::KafkaCluster::parse(deps.store.clusters.find(ns, cluster_name));
  const Json& set = deps.store.stateful_sets.find(ns, cluster_name);
  std::int32_t going = 0;
  std::int32_t end = 0;
  if (cluster && set.is_object()) {
    const auto identity =
        resources::read_identity(deps.store.config_maps.find(ns, resources::identity_name(*cluster)));
    const std::int32_t base = identity ? identity->node_id_base : 0;
    going = base + cluster->replicas;
    end = base + resources::int_or_none(resources::child_of(set, "spec"), "replicas").value_or(0);
  }
  std::vector<resources::ReplicaHost> hosts;
  for (const BrokerState& broker : layout.brokers) {
    if (broker.id < going || broker.id >= end) hosts.push_back({broker.id, broker.rack});
  }
  return hosts;
}

bool has_factor(const PartitionState& partition, std::int32_t factor) {
  return static_cast<std::int32_t>(partition.target().size()) == factor;
}

std::vector<PartitionMove> plan_factor(const ClusterLayout& layout, std::vector<resources::ReplicaHost> hosts,
                                       const std::string& topic, std::int32_t factor) {
  resources::ReplicaPlan plan(std::move(hosts));
  for (const auto& [name, partitions] : layout.topics) {
    for (const PartitionState& partition : partitions) plan.count(partition.target());
  }
  const std::size_t running = count_moves(layout);
  std::vector<PartitionMove> moves;
  const auto found = layout.topics.find(topic);
  if (found == layout.topics.end()) return moves;
  for (std::size_t i = 0; i < found->second.size(); ++i) {
    const PartitionState& partition = found->second[i];
    // Without a leader there is nobody to copy from.
    if (has_factor(partition, factor) || partition.leader < 0) continue;
    if (!partition.is_moving() && running + moves.size() >= kMovesMax) continue;
    const auto index = static_cast<std::int32_t>(i);
    moves.push_back({topic, index,
                     plan.place({index, partition.leader, partition.target(), partition.isr},
                                static_cast<std::size_t>(factor))});
  }
  return moves;
}

aio::Task<Result<>> move_throttled(TopicAdmin& admin, const ClusterLayout& layout,
                                   std::set<std::string> topics, std::vector<PartitionMove> moves) {
  for (const PartitionMove& move : moves) topics.insert(move.topic);
  std::map<std::string, Marks> wanted;
  std::vector<std::string> names;
  for (const std::string& topic : topics) {
    const auto found = layout.topics.find(topic);
    if (found == layout.topics.end()) continue;
    Marks marks = marks_of(topic, found->second, moves);
    if (marks.followers.empty()) continue;  // Replicas only go: nothing is copied.
    names.push_back(topic);
    wanted[topic] = std::move(marks);
  }
  if (!wanted.empty()) {
    CO_TRY(co_await set_rates(admin, layout));
    CO_TRY_ASSIGN(const auto live,
                  co_await admin.describe_topic_configs(names, {kLeaderMarks, kFollowerMarks}));
    for (const auto& [topic, marks] : wanted) {
      const Configs right = {{kLeaderMarks, marks.leaders}, {kFollowerMarks, marks.followers}};
      const auto found = live.find(topic);
      if (found != live.end() && found->second == right) continue;
      CO_TRY(co_await admin.alter_configs(topic, ConfigChanges(right.begin(), right.end())));
    }
  }
  if (moves.empty()) co_return Result<>();
  log.info("move {} partitions of {} topics", moves.size(), topics.size());
  co_return co_await admin.move(std::move(moves));
}

aio::Task<Result<>> remove_rates(TopicAdmin& admin, std::vector<std::int32_t> brokers) {
  CO_TRY_ASSIGN(auto ours, co_await our_rates(admin, std::move(brokers)));
  for (auto& [broker, changes] : ours)
    CO_TRY(co_await admin.alter_broker_configs(broker, std::move(changes)));
  co_return Result<>();
}

aio::Task<Result<>> remove_throttles(TopicAdmin& admin, std::set<std::string> kept) {
  CO_TRY_ASSIGN(const auto layout, co_await admin.describe_layout());
  if (count_moves(layout) > 0) co_return Result<>();
  CO_TRY_ASSIGN(auto ours, co_await our_rates(admin, ids_of(layout)));
  if (ours.empty()) co_return Result<>();
  std::vector<std::string> topics;
  for (const auto& [name, partitions] : layout.topics) {
    if (!kept.contains(name)) topics.push_back(name);
  }
  CO_TRY_ASSIGN(const auto marked,
                co_await admin.describe_topic_configs(std::move(topics), {kLeaderMarks, kFollowerMarks}));
  for (const auto& [topic, marks] : marked) {
    ConfigChanges changes;
    for (const auto& [name, value] : marks) changes[name] = std::nullopt;
    CO_TRY(co_await admin.alter_configs(topic, std::move(changes)));
  }
  for (auto& [broker, changes] : ours)
    CO_TRY(co_await admin.alter_broker_configs(broker, std::move(changes)));
  log.info("no replicas are moved any more: the throttle is removed");
  co_return Result<>();
}

}  // namespace penstock::reconcile
