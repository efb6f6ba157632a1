// Moving replicas under a throttle that does not stay behind.
//
// The order is what makes it safe to be killed anywhere: the brokers' rates are set first and removed last,
// so that they tell a later pass that there may be marks on topics to take away.
// Threads: one reactor. ERRORS: those of TopicAdmin.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/reconcile/deps.h"
#include "operator/reconcile/topic_admin.h"
#include "operator/resources/replica_plan.h"

namespace penstock::reconcile {

// Partitions of a cluster that are moved at once, and what each broker may send and fetch for that.
inline constexpr std::size_t kMovesMax = 20;
inline constexpr std::int64_t kMoveBytesPerSecond = 50 << 20;

// Whether a topic config says which replicas are throttled.
bool is_throttle_mark(std::string_view config);

// Kafka's own topics, whose replicas are the operator's to choose.
bool is_internal_topic(std::string_view topic);

std::size_t count_moves(const ClusterLayout& layout);

// The brokers that may take replicas: those that are there and that the KafkaCluster goes on to ask for.
std::vector<resources::ReplicaHost> staying_hosts(const Deps& deps, const std::string& ns,
                                                  const std::string& cluster_name,
                                                  const ClusterLayout& layout);

// Whether the partition has that many replicas, or will have when its move is done.
bool has_factor(const PartitionState& partition, std::int32_t factor);

// Moves that give the topic's partitions `factor` replicas, for as many of them as may begin now.
// REQUIRES: 1 <= factor <= number of hosts.
std::vector<PartitionMove> plan_factor(const ClusterLayout& layout, std::vector<resources::ReplicaHost> hosts,
                                       const std::string& topic, std::int32_t factor);

// Begins `moves`, throttled as those are that `topics` are already in. `moves` may be empty.
aio::Task<base::Result<>> move_throttled(TopicAdmin& admin, const ClusterLayout& layout,
                                         std::set<std::string> topics, std::vector<PartitionMove> moves);

// Takes our rates from brokers of which nothing is copied any more.
aio::Task<base::Result<>> remove_rates(TopicAdmin& admin, std::vector<std::int32_t> brokers);

// Takes our throttle away when nothing is moved any more, except the marks of `kept` topics.
aio::Task<base::Result<>> remove_throttles(TopicAdmin& admin, std::set<std::string> kept);

}  // namespace penstock::reconcile
