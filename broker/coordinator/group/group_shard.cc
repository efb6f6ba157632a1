#include "broker/coordinator/group/group_shard.h"

#include <algorithm>

#include "base/assert.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

// What Kafka's coordinator tells clients when it cannot write.
ErrorCode write_error(const base::Error& error) {
  switch (error.code()) {
    case base::Errc::kUnavailable:
    case base::Errc::kTimedOut:
    case base::Errc::kNotFound:
      return ErrorCode::kCoordinatorNotAvailable;
    case base::Errc::kConflict:
    case base::Errc::kShuttingDown:
    case base::Errc::kCancelled:
    case base::Errc::kIo:
    case base::Errc::kNoSpace:
      return ErrorCode::kNotCoordinator;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

template <typename T>
std::optional<T> none_if_empty(const T& value) {
  if (value.empty()) return std::nullopt;
  return value;
}

}  // namespace

ClassicGroup* GroupShard::find(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : &found->second;
}

const ClassicGroup* GroupShard::group(const std::string& group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : &found->second;
}

base::Result<> GroupShard::replay(kafka::Offset at, kafka::ProducerId transaction, base::ByteSpan key,
                                  std::optional<base::ByteSpan> value, std::int64_t wall_ms) {
  TRY_ASSIGN(ParsedRecord record, parse_record(key, value));
  if (auto* offset = std::get_if<OffsetRecord>(&record); offset && transaction != kafka::kNoProducerId) {
    open_transactions_[transaction].push_back(std::move(*offset));
    return {};
  }
  apply(at, std::move(record), wall_ms, true);
  return {};
}

void GroupShard::end_transaction(kafka::ProducerId producer, bool is_commit, kafka::Offset at,
                                 std::int64_t wall_ms) {
  auto ended = open_transactions_.extract(producer);
  if (ended.empty() || !is_commit) return;
  for (OffsetRecord& record : ended.mapped()) apply(at, std::move(record), wall_ms, true);
}

void GroupShard::apply(kafka::Offset at, ParsedRecord record, std::int64_t wall_ms, bool is_loading) {
  if (const auto* group = std::get_if<GroupRecord>(&record)) {
    // A live group is ahead of its own record; only a tombstone changes it.
    if (!group->value) {
      remove_group(group->group_id);
    } else if (is_loading) {
      load_group(*group);
    }
  } else if (auto* offset = std::get_if<OffsetRecord>(&record)) {
    // Offsets without members make a "simple" group, which has no record of its own.
    if (offset->value) groups_.try_emplace(offset->key.group_id, offset->key.group_id, wall_ms);
    offsets_.apply(at, offset->key, std::move(offset->value));
  } else {
    ++foreign_record_count_;
  }
}

void GroupShard::load_group(const GroupRecord& record) {
  const kafka::GroupMetadataValue& value = *record.value;
  ClassicGroup group(record.group_id, value.current_state_timestamp);
  for (const auto& stored : value.members) {
    GroupMember member;
    member.member_id = stored.member_id;
    member.group_instance_id = stored.group_instance_id;
    // Only a log that somebody damaged has an id twice; the first stays.
    if (group.has_member(member.member_id)) continue;
    if (member.group_instance_id && group.static_member_id(*member.group_instance_id)) continue;
    member.client_id = stored.client_id;
    member.client_host = stored.client_host;
    member.session_timeout_ms = stored.session_timeout;
    member.rebalance_timeout_ms =
        stored.rebalance_timeout == -1 ? stored.session_timeout : stored.rebalance_timeout;
    member.protocols = {{value.protocol.value_or(""), stored.subscription}};
    member.assignment = stored.assignment;
    group.add(std::move(member), value.protocol_type);
  }
  group.restore(group.members().empty() ? GroupState::kEmpty : GroupState::kStable, value.generation,
                none_if_empty(value.protocol_type), value.protocol, value.leader,
                value.current_state_timestamp);
  group.recompute_subscribed();
  groups_.insert_or_assign(record.group_id, std::move(group));
}

void GroupShard::remove_group(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  for (const auto& [member_id, member] : found->second.members())
    cancel_deadline(DeadlineKind::kSession, group_id, member_id);
  for (const std::string& member_id : found->second.pending_members)
    cancel_deadline(DeadlineKind::kSession, group_id, member_id);
  cancel_deadline(DeadlineKind::kJoin, group_id);
  cancel_deadline(DeadlineKind::kSync, group_id);
  groups_.erase(found);
}

void GroupShard::finish_loading(kafka::Offset end, kafka::Offset high_watermark, Now now) {
  last_written_ = end - 1;
  high_watermark_ = high_watermark;
  offsets_.promote(high_watermark);
  for (auto& [group_id, group] : groups_) {
    for (const auto& [member_id, member] : group.members()) restart_session(group, member, now);
    // The limit may have become smaller since.
    if (group.members().size() > static_cast<std::size_t>(config_.group_max_size()))
      prepare_rebalance(group, now);
  }
  set_deadline(DeadlineKind::kExpiry, {}, {}, config_.offsets_retention_check_interval_ms(), now);
}

ErrorCode GroupShard::write(std::vector<CoordinatorRecord> records, Now now, Finish finish) {
  if (!records.empty()) {
    const auto written = writer_.write(records, now.wall_ms);
    if (!written) {
      const ErrorCode error = write_error(written.error());
      if (finish) finish(error, now);
      return error;
    }
    last_written_ = *written;
    kafka::Offset at = last_written_ - static_cast<std::int64_t>(records.size() - 1);
    for (const CoordinatorRecord& record : records) {
      std::optional<base::ByteSpan> value;
      if (record.value) value = base::ByteSpan(*record.value);
      auto parsed = parse_record(record.key, value);
      BASE_ASSERT(parsed.has_value(), "a record of ours cannot be read");
      apply(at, std::move(*parsed), now.wall_ms, false);
      ++at;
    }
  }
  if (last_written_ < high_watermark_) {
    if (finish) finish(ErrorCode::kNone, now);
  } else {
    pending_.push_back({last_written_, now.mono + base::milliseconds(config_.offsets_commit_timeout_ms()),
                        std::move(finish)});
  }
  return ErrorCode::kNone;
}

void GroupShard::write_tombstones(std::vector<CoordinatorRecord> records, Now now, Finish finish) {
  // Several batches may be cut off in the middle by a failure; what is left is found again next time.
  for (std::size_t at = 0; at + kTombstonesPerBatch < records.size(); at += kTombstonesPerBatch) {
    const auto first = records.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<CoordinatorRecord> part(
        std::make_move_iterator(first),
        std::make_move_iterator(first + static_cast<std::ptrdiff_t>(kTombstonesPerBatch)));
    if (const ErrorCode error = write(std::move(part), now, nullptr); error != ErrorCode::kNone) {
      if (finish) finish(error, now);
      return;
    }
  }
  const std::size_t rest = records.empty() ? 0 : (records.size() - 1) % kTombstonesPerBatch + 1;
  records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(rest));
  write(std::move(records), now, std::move(finish));
}

void GroupShard::on_committed(kafka::Offset high_watermark, Now now) {
  if (high_watermark <= high_watermark_) return;
  high_watermark_ = high_watermark;
  offsets_.promote(high_watermark);
  while (!pending_.empty() && pending_.front().last < high_watermark_) {
    Finish finish = std::move(pending_.front().finish);
    pending_.pop_front();
    if (finish) finish(ErrorCode::kNone, now);
  }
}

void GroupShard::on_time(Now now) {
  // The records may still be committed; only their requests wait no longer.
  while (!pending_.empty() && pending_.front().deadline <= now.mono) {
    Finish finish = std::move(pending_.front().finish);
    pending_.pop_front();
    if (finish) finish(ErrorCode::kCoordinatorNotAvailable, now);
  }
  while (const auto due = deadlines_.pop_due(now.mono)) {
    if (due->kind == DeadlineKind::kExpiry) {
      expire_offsets(now);
      set_deadline(DeadlineKind::kExpiry, {}, {}, config_.offsets_retention_check_interval_ms(), now);
      continue;
    }
    ClassicGroup* group = find(due->group_id);
    if (group == nullptr) continue;
    if (due->kind == DeadlineKind::kSession) {
      expire_session(*group, due->member_id, now);
    } else if (due->kind == DeadlineKind::kSync) {
      expire_pending_sync(*group, now);
    } else if (group->is_initial_delay) {
      extend_initial_delay_or_complete(*group, now);
    } else if (group->is(GroupState::kPreparingRebalance)) {
      complete_join(*group, now);
    }
  }
}

void GroupShard::resign(Now now) {
  for (auto& [group_id, group] : groups_) {
    for (auto& [member_id, member] : group.members()) {
      answer_join(group, member, join_error(member_id, ErrorCode::kNotCoordinator));
      answer_sync(member, sync_error(ErrorCode::kNotCoordinator));
    }
  }
  // Without their groups the continuations of writes do nothing but answer.
  groups_.clear();
  deadlines_.clear();
  for (PendingWrite& write : std::exchange(pending_, {}))
    if (write.finish) write.finish(ErrorCode::kNotCoordinator, now);
}

std::optional<base::MonoTime> GroupShard::next_deadline() const {
  std::optional<base::MonoTime> next = deadlines_.next();
  if (!pending_.empty()) next = std::min(next.value_or(base::MonoTime::max()), pending_.front().deadline);
  return next;
}

std::optional<kafka::Offset> GroupShard::awaited_offset() const {
  if (last_written_ < high_watermark_) return std::nullopt;
  return last_written_;
}

kafka::GroupMetadataValue stored_value(const ClassicGroup& group,
                                       const std::map<std::string, base::Bytes>& assignments) {
  kafka::GroupMetadataValue value;
  value.protocol_type = group.protocol_type().value_or("");
  value.generation = group.generation();
  value.protocol = group.protocol_name();
  value.leader = group.leader();
  value.current_state_timestamp = group.state_timestamp_ms();
  for (const auto& [member_id, member] : group.members()) {
    auto& stored = value.members.emplace_back();
    stored.member_id = member_id;
    stored.group_instance_id = member.group_instance_id;
    stored.client_id = member.client_id;
    stored.client_host = member.client_host;
    stored.rebalance_timeout = member.rebalance_timeout_ms;
    stored.session_timeout = member.session_timeout_ms;
    const base::ByteSpan subscription = member.metadata_of(group.protocol_name().value_or(""));
    stored.subscription.assign(subscription.begin(), subscription.end());
    if (const auto found = assignments.find(member_id); found != assignments.end())
      stored.assignment = found->second;
  }
  return value;
}

std::vector<CoordinatorRecord> GroupShard::stored_state() const {
  std::vector<CoordinatorRecord> records;
  for (const auto& [group_id, group] : groups_) {
    std::map<std::string, base::Bytes> assignments;
    for (const auto& [member_id, member] : group.members()) assignments[member_id] = member.assignment;
    records.push_back(group_record(group_id, stored_value(group, assignments)));
    for (const auto& [key, value] : offsets_.of_group(group_id, OffsetStore::View::kLatest))
      records.push_back(offset_record(key, *value));
  }
  return records;
}

}  // namespace penstock::coordinator
