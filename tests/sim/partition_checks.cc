#include "tests/sim/partition_checks.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include <fmt/core.h>

#include "kafka/record_batch.h"

namespace penstock::sim {

using replication::Role;

namespace {
std::size_t hash_of(base::ByteSpan bytes) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
}  // namespace

void PartitionChecks::complain(const Log& log, const std::string& what) {
  history_.violation(fmt::format("{} on node {}: {}", log.name, node_, what));
}

void PartitionChecks::begin(int node, const void* run) {
  node_ = node;
  const bool is_new_run = std::exchange(runs_[node], run) != run;
  for (auto& [key, log] : logs_) {
    const auto found = log.replicas.find(node);
    if (found == log.replicas.end()) continue;
    found->second.is_looked_at = false;
    if (is_new_run) found->second.is_here = false;
  }
}

void PartitionChecks::end(bool is_stopping) {
  for (auto& [key, log] : logs_) {
    const auto found = log.replicas.find(node_);
    if (found == log.replicas.end() || found->second.is_looked_at || !found->second.is_here) continue;
    // Gone during this run: reassigned or deleted, or, in one that stops, closed.
    if (is_stopping) {
      found->second.is_here = false;
    } else {
      found->second = {.end_before_it_went = found->second.end};
    }
  }
}

void PartitionChecks::lost_power(int node) {
  for (auto& [key, log] : logs_) {
    const auto found = log.replicas.find(node);
    if (found == log.replicas.end()) continue;
    Replica& replica = found->second;
    replica.end_before_power_loss = std::max(replica.end_before_power_loss, replica.end);
  }
}

void PartitionChecks::is_repaired(int node) {
  for (auto& [key, log] : logs_) {
    const auto found = log.replicas.find(node);
    if (found != log.replicas.end()) found->second.end_before_power_loss = 0;
  }
}

void PartitionChecks::look(replication::Partition& partition) {
  Log& log = logs_[partition.key()];
  if (log.name.empty()) log.name = partition.name();
  Replica& replica = log.replicas[node_];
  replica.is_looked_at = true;
  const std::int64_t start = partition.log_start_offset().value();
  const std::int64_t end = partition.log_end_offset().value();
  const std::int64_t high_watermark = partition.high_watermark().value();
  const int epoch = partition.leader_epoch().value();
  if (!replica.is_here) {
    replica = {.is_here = true,
               .is_looked_at = true,
               .end_before_power_loss = replica.end_before_power_loss,
               .compared_to = start};
  }
  // One that has failed is of no use until the next run.
  if (partition.role() == Role::kOffline) {
    replica.role = Role::kOffline;
    replica.end = end;
    return;
  }
  const bool is_same = replica.role == partition.role() && replica.epoch == epoch && replica.end == end &&
                       replica.start == start && replica.high_watermark == high_watermark;
  if (is_same) return;
  if (epoch < replica.epoch)
    complain(log, fmt::format("the epoch goes back from {} to {}", replica.epoch, epoch));
  if (high_watermark < replica.high_watermark) {
    complain(log, fmt::format("the high watermark goes back from {} to {}", replica.high_watermark,
                              high_watermark));
  }
  const bool is_new_leader =
      partition.role() == Role::kLeader && (replica.role != Role::kLeader || replica.epoch != epoch);
  const bool has_committed = high_watermark > replica.high_watermark;
  replica.role = partition.role();
  replica.epoch = epoch;
  replica.start = start;
  replica.end = end;
  replica.high_watermark = high_watermark;
  replica.compared_to = std::clamp(replica.compared_to, start, std::max(start, end));
  if (replica.role == Role::kLeader && (is_new_leader || has_committed))
    look_at_leader(log, replica, partition, is_new_leader);
  if (has_committed) compare(log, replica, partition, high_watermark);
  if (replica.role != Role::kLeader) return;
  std::int64_t& committed = log.committed[epoch];
  committed = std::max(committed, high_watermark);
}

std::int64_t PartitionChecks::committed_before(const Log& log, int epoch) {
  std::int64_t before = 0;
  for (const auto& [earlier, committed] : log.committed) {
    if (earlier < epoch) before = std::max(before, committed);
  }
  return before;
}

void PartitionChecks::look_at_leader(Log& log, Replica& replica, replication::Partition& partition,
                                     bool is_new) {
  if (is_new) {
    const auto [at, is_first] = log.leaders.emplace(replica.epoch, node_);
    if (!is_first && at->second != node_)
      complain(log, fmt::format("it leads epoch {}, as node {} does", replica.epoch, at->second));
    // One that hears of its election late may find that others have gone on.
    const std::int64_t committed = committed_before(log, replica.epoch);
    if (replica.end < committed) {
      complain(log, fmt::format("it leads epoch {} with a log that ends at {}, below {}, which is committed",
                                replica.epoch, replica.end, committed));
    }
    compare(log, replica, partition, std::min(replica.end, committed));
  }
  if (replica.high_watermark <= committed_before(log, replica.epoch)) return;
  // One that does not know yet that it leads no more may hear late of copies that were deleted since.
  const bool is_deposed = !log.leaders.empty() && log.leaders.rbegin()->first > replica.epoch;
  int copies = 0;
  for (const auto& [node, other] : log.replicas) {
    const std::int64_t end = std::max(other.end, other.end_before_power_loss);
    if ((is_deposed ? std::max(end, other.end_before_it_went) : end) >= replica.high_watermark) ++copies;
  }
  if (copies < min_insync_replicas_) {
    complain(log, fmt::format("the high watermark of epoch {} is {}, which {} logs reach", replica.epoch,
                              replica.high_watermark, copies));
  }
}

void PartitionChecks::compare(Log& log, Replica& replica, replication::Partition& partition,
                              std::int64_t end) {
  while (replica.compared_to < end) {
    const auto read = partition.log().read(
        {.from = kafka::Offset(replica.compared_to), .end = kafka::Offset(end), .is_memory_required = true});
    if (!read || read->records.bytes.empty()) {
      complain(log, fmt::format("offset {} is committed but cannot be read{}{}", replica.compared_to,
                                read ? "" : ": ", read ? "" : read.error().what()));
      return;
    }
    kafka::BatchCursor batches(read->records.bytes);
    for (auto batch = batches.next(); batch && *batch; batch = batches.next()) {
      const std::int64_t base = (*batch)->base_offset().value();
      if (base >= end) return;
      const auto [at, is_new] = log.batches.emplace(base, hash_of((*batch)->bytes()));
      if (!is_new && at->second != hash_of((*batch)->bytes()))
        complain(log,
                 fmt::format("what is committed at offset {} is not what another replica has there", base));
      replica.compared_to = (*batch)->next_offset().value();
    }
  }
}

void PartitionChecks::expect_equal(const Key& key, std::size_t replicas) {
  const Log& log = logs_[key];
  const Replica* first = nullptr;
  std::size_t here = 0;
  for (const auto& [node, replica] : log.replicas) {
    if (!replica.is_here) continue;
    ++here;
    node_ = node;
    if (first == nullptr) first = &replica;
    if (replica.end != first->end || replica.high_watermark != first->high_watermark) {
      complain(log, fmt::format("in sync, its log ends at {}, committed below {}; another's at {}, {}",
                                replica.end, replica.high_watermark, first->end, first->high_watermark));
    }
  }
  if (here != replicas) complain(log, fmt::format("{} of {} replicas are there", here, replicas));
}

}  // namespace penstock::sim
