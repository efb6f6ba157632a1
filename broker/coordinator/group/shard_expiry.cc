// Offsets that nobody needs any more, and groups that are left with nothing.
#include <set>
#include <utility>

#include "broker/coordinator/group/group_shard.h"

namespace penstock::coordinator {

namespace {

constexpr std::int64_t kMinuteMs = 60'000;

// Whether offsets of the group can expire in its present state (KIP-211), and since when they are idle.
bool is_expirable(const ClassicGroup& group) {
  if (!group.protocol_type()) return true;
  if (group.is(GroupState::kEmpty)) return true;
  return group.uses_consumer_protocol() && group.subscribed() && group.is(GroupState::kStable);
}

bool is_expired(const ClassicGroup& group, const kafka::OffsetCommitValue& value, std::int64_t wall_ms,
                std::int64_t retention_ms) {
  if (value.expire_timestamp >= 0) return wall_ms >= value.expire_timestamp;
  std::int64_t idle_since = value.commit_timestamp;
  if (group.protocol_type() && group.is(GroupState::kEmpty) && group.state_timestamp_ms() >= 0)
    idle_since = group.state_timestamp_ms();
  return wall_ms - idle_since >= retention_ms;
}

}  // namespace

bool GroupShard::collect_expired(ClassicGroup& group, Now now, std::vector<CoordinatorRecord>& records) {
  const auto offsets = offsets_.of_group(group.group_id(), OffsetStore::View::kLatest);
  if (offsets.empty()) return true;
  if (!is_expirable(group)) return false;
  bool is_all_expired = true;
  for (const auto& [key, value] : offsets) {
    const bool is_kept =
        group.is_subscribed_to(key.topic) || is_unstable(key) ||
        !is_expired(group, *value, now.wall_ms, config_.offsets_retention_minutes() * kMinuteMs);
    if (is_kept) {
      is_all_expired = false;
    } else {
      records.push_back(offset_tombstone(key));
    }
  }
  return is_all_expired;
}

void GroupShard::expire_offsets(Now now) {
  std::vector<CoordinatorRecord> records;
  std::set<std::string> in_transactions;
  for (const auto& [producer, open] : open_transactions_)
    for (const OffsetRecord& record : open) in_transactions.insert(record.key.group_id);
  for (auto& [group_id, group] : groups_) {
    const bool is_bare = collect_expired(group, now, records);
    // Members that were given an id and are on their way back still need the group.
    if (is_bare && group.is(GroupState::kEmpty) && group.pending_members.empty() &&
        !in_transactions.contains(group_id))
      records.push_back(group_tombstone(group_id));
  }
  if (!records.empty()) write_tombstones(std::move(records), now, nullptr);
}

void GroupShard::on_topics_deleted(const std::vector<std::string>& topics, Now now) {
  std::vector<CoordinatorRecord> records;
  for (const OffsetKey& key : offsets_.on_topics({topics.begin(), topics.end()}))
    records.push_back(offset_tombstone(key));
  if (!records.empty()) write_tombstones(std::move(records), now, nullptr);
}

}  // namespace penstock::coordinator
