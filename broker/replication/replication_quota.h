// The rate at which replicas that are marked as throttled may be copied, so that moving them leaves room for
// clients (KIP-73). One for what this broker's leaders send, one for what its followers fetch.
//
// Bytes are spent in advance: a copy may go over the rate by one answer, then it waits until time has caught
// up.
//
// Threads: any; lock-free. Untouched by replicas that are not throttled.
// Source:  KIP-73, Kafka's ReplicationQuotaManager, which averages over ten seconds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "kafka/ids.h"

namespace penstock::replication {

class ReplicationQuota {
 public:
  static constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

  void set_rate(std::int64_t bytes_per_second) { rate_.store(bytes_per_second, std::memory_order_relaxed); }
  void spend(std::int64_t bytes, base::MonoTime now);
  bool is_spent(base::MonoTime now) const { return ready_at() > now; }
  // Long ago when nothing is spent.
  base::MonoTime ready_at() const {
    if (rate_.load(std::memory_order_relaxed) == kNoLimit) return base::MonoTime::min();
    return base::MonoTime(base::Duration(paid_until_.load(std::memory_order_relaxed)));
  }

 private:
  std::atomic<std::int64_t> rate_ = kNoLimit;
  std::atomic<std::int64_t> paid_until_ = std::numeric_limits<std::int64_t>::min();  // In ticks of MonoTime.
};

struct ReplicationQuotas {
  ReplicationQuota leader;
  ReplicationQuota follower;
};

// leader.replication.throttled.replicas and the follower's: "*" or a list of partition:broker.
struct ThrottledReplicas {
  bool is_all = false;
  std::vector<std::pair<kafka::PartitionId, kafka::NodeId>> replicas;

  bool contains(kafka::PartitionId partition, kafka::NodeId broker) const {
    return is_all || std::ranges::find(replicas, std::pair(partition, broker)) != replicas.end();
  }
};

// ERRORS: kInvalidArgument naming the entry.
base::Result<ThrottledReplicas> parse_throttled_replicas(const std::vector<std::string>& entries);

}  // namespace penstock::replication
