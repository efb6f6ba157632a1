#include "broker/replication/replication_quota.h"

#include <charconv>

#include <fmt/format.h>

namespace penstock::replication {

void ReplicationQuota::spend(std::int64_t bytes, base::MonoTime now) {
  const std::int64_t rate = rate_.load(std::memory_order_relaxed);
  if (bytes <= 0 || rate == kNoLimit) return;
  const auto ticks = static_cast<std::int64_t>(static_cast<double>(bytes) /
                                               static_cast<double>(std::max<std::int64_t>(rate, 1)) *
                                               static_cast<double>(base::Duration(base::seconds(1)).count()));
  const std::int64_t from = now.time_since_epoch().count();
  std::int64_t paid = paid_until_.load(std::memory_order_relaxed);
  while (!paid_until_.compare_exchange_weak(paid, std::max(paid, from) + ticks, std::memory_order_relaxed)) {
  }
}

base::Result<ThrottledReplicas> parse_throttled_replicas(const std::vector<std::string>& entries) {
  ThrottledReplicas throttled;
  for (const std::string& entry : entries) {
    if (entry == "*") {
      throttled.is_all = true;
      continue;
    }
    std::int32_t partition = -1;
    std::int32_t broker = -1;
    const char* end = entry.data() + entry.size();
    const auto first = std::from_chars(entry.data(), end, partition);
    const bool has_colon = first.ec == std::errc() && first.ptr != end && *first.ptr == ':';
    const auto second = has_colon ? std::from_chars(first.ptr + 1, end, broker) : first;
    if (!has_colon || second.ec != std::errc() || second.ptr != end || partition < 0 || broker < 0) {
      return base::fail(base::Errc::kInvalidArgument,
                        fmt::format("'{}' is no partition:broker of a throttled replica", entry));
    }
    throttled.replicas.emplace_back(partition, broker);
  }
  return throttled;
}

}  // namespace penstock::replication
