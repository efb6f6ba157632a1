// OffsetCommit, OffsetFetch and OffsetDelete.
#include <algorithm>
#include <utility>

#include "broker/coordinator/group/group_errors.h"
#include "broker/coordinator/group/group_shard.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

// From this version on the error for a group that does not exist says so.
constexpr std::int16_t kFirstVersionWithGroupIdNotFound = 9;

// Java counts UTF-16 code units.
std::size_t utf16_length(std::string_view utf8) {
  std::size_t length = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) ++length;  // Not a continuation byte.
    if (byte >= 0xf0) ++length;           // A surrogate pair.
  }
  return length;
}

}  // namespace

ErrorCode GroupShard::check_offset_commit(const GroupCaller& caller,
                                          const kafka::OffsetCommitRequest& request) {
  const std::int32_t generation = request.generation_id_or_member_epoch;
  const ClassicGroup* group = find(request.group_id);
  if (group != nullptr)
    return group->validate_offset_commit(request.member_id, request.group_instance_id, generation);
  if (generation >= 0)
    return caller.version >= kFirstVersionWithGroupIdNotFound ? ErrorCode::kGroupIdNotFound
                                                              : ErrorCode::kIllegalGeneration;
  return groups_.size() < kGroupsMax ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable;
}

void GroupShard::offset_commit(RequestId id, const GroupCaller& caller,
                               const kafka::OffsetCommitRequest& request, Now now) {
  if (const ErrorCode error = check_offset_commit(caller, request); error != ErrorCode::kNone)
    return answer(id, error_response(request, error));
  // A commit shows that the member lives.
  if (ClassicGroup* group = find(request.group_id);
      group != nullptr && (group->is(GroupState::kStable) || group->is(GroupState::kPreparingRebalance))) {
    if (const GroupMember* member = group->member(request.member_id)) restart_session(*group, *member, now);
  }
  kafka::OffsetCommitResponse response = error_response(request, ErrorCode::kNone);
  std::vector<CoordinatorRecord> records;
  for (std::size_t t = 0; t < request.topics.size(); ++t) {
    const auto& topic = request.topics[t];
    for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
      const auto& partition = topic.partitions[p];
      std::int16_t& error = response.topics[t].partitions[p].error_code;
      const std::string metadata = partition.committed_metadata.value_or("");
      if (utf16_length(metadata) >
          static_cast<std::size_t>(std::max(config_.offset_metadata_max_bytes(), 0))) {
        error = kafka::to_wire(ErrorCode::kOffsetMetadataTooLarge);
        continue;
      }
      // An offset that cannot exist would send every later reader astray.
      if (partition.committed_offset < 0) {
        error = kafka::to_wire(ErrorCode::kInvalidRequest);
        continue;
      }
      kafka::OffsetCommitValue value;
      value.offset = partition.committed_offset;
      value.leader_epoch = std::max(partition.committed_leader_epoch, -1);
      value.metadata = metadata;
      value.commit_timestamp = now.wall_ms;
      // Only old clients ask for a retention of their own.
      if (request.retention_time_ms >= 0) {
        value.expire_timestamp = now.wall_ms + std::min(request.retention_time_ms, INT64_MAX - now.wall_ms);
      }
      value.topic_id = topic.topic_id;
      records.push_back(offset_record({request.group_id, topic.name, partition.partition_index}, value));
    }
  }
  write(std::move(records), now,
        [this, id, request, response = std::move(response)](ErrorCode error, Now) mutable {
          answer(id, error == ErrorCode::kNone ? std::move(response) : error_response(request, error));
        });
}

bool GroupShard::is_unstable(const OffsetKey& key) const {
  return std::ranges::any_of(open_transactions_, [&key](const auto& open) {
    return std::ranges::any_of(open.second, [&key](const OffsetRecord& record) {
      return record.key.group_id == key.group_id && record.key.topic == key.topic &&
             record.key.partition == key.partition;
    });
  });
}

void GroupShard::fetch_group(const kafka::OffsetFetchRequest& request, std::size_t index,
                             kafka::OffsetFetchResponse& response) const {
  const auto& asked = request.groups[index];
  const auto view = request.require_stable ? OffsetStore::View::kLatest : OffsetStore::View::kCommitted;
  auto& answered = response.groups.emplace_back();
  answered.group_id = asked.group_id;
  const auto add = [&](auto& topic, const OffsetKey& key, const kafka::OffsetCommitValue* value) {
    auto& result = topic.partitions.emplace_back();
    result.partition_index = key.partition;
    result.committed_offset = -1;
    result.committed_leader_epoch = -1;
    result.metadata = "";
    // The topic was deleted and made again since.
    const bool is_of_other_topic = value != nullptr && !value->topic_id.is_zero() &&
                                   !topic.topic_id.is_zero() && value->topic_id != topic.topic_id;
    if (request.require_stable && is_unstable(key)) {
      result.error_code = kafka::to_wire(ErrorCode::kUnstableOffsetCommit);
    } else if (value != nullptr && !is_of_other_topic) {
      result.committed_offset = value->offset;
      result.committed_leader_epoch = value->leader_epoch;
      result.metadata = value->metadata;
    }
  };
  if (!asked.topics) {
    for (const auto& [key, value] : offsets_.of_group(asked.group_id, view)) {
      if (answered.topics.empty() || answered.topics.back().name != key.topic) {
        answered.topics.emplace_back().name = key.topic;
        answered.topics.back().topic_id = value->topic_id;
      }
      add(answered.topics.back(), key, value);
    }
    return;
  }
  for (const auto& topic : *asked.topics) {
    auto& answered_topic = answered.topics.emplace_back();
    answered_topic.name = topic.name;
    answered_topic.topic_id = topic.topic_id;
    for (const std::int32_t partition : topic.partition_indexes) {
      const OffsetKey key{asked.group_id, topic.name, partition};
      add(answered_topic, key, offsets_.find(key, view));
    }
  }
}

void GroupShard::offset_fetch(RequestId id, const kafka::OffsetFetchRequest& request, Now now) {
  kafka::OffsetFetchResponse response;
  for (std::size_t i = 0; i < request.groups.size(); ++i) fetch_group(request, i, response);
  if (!request.require_stable) return answer(id, std::move(response));
  // What it read may not be committed yet.
  write({}, now, [this, id, response = std::move(response)](ErrorCode error, Now) mutable {
    if (error != ErrorCode::kNone) {
      for (auto& group : response.groups) {
        group.topics.clear();
        group.error_code = kafka::to_wire(error);
      }
    }
    answer(id, std::move(response));
  });
}

void GroupShard::offset_delete(RequestId id, const kafka::OffsetDeleteRequest& request, Now now) {
  kafka::OffsetDeleteResponse response;
  const auto refuse = [&](ErrorCode error) {
    response.error_code = kafka::to_wire(error);
    answer(id, std::move(response));
  };
  if (request.group_id.empty()) return refuse(ErrorCode::kInvalidGroupId);
  const ClassicGroup* group = find(request.group_id);
  if (group == nullptr) return refuse(ErrorCode::kGroupIdNotFound);
  // Without knowing what members subscribe to, nothing can be taken from under them.
  if (!group->is(GroupState::kEmpty) && !group->uses_consumer_protocol())
    return refuse(ErrorCode::kNonEmptyGroup);
  std::vector<CoordinatorRecord> records;
  for (const auto& topic : request.topics) {
    auto& answered = response.topics.emplace_back();
    answered.name = topic.name;
    const bool is_subscribed = group->is_subscribed_to(topic.name);
    for (const auto& partition : topic.partitions) {
      auto& result = answered.partitions.emplace_back();
      result.partition_index = partition.partition_index;
      if (is_subscribed) {
        result.error_code = kafka::to_wire(ErrorCode::kGroupSubscribedToTopic);
        continue;
      }
      const OffsetKey key{request.group_id, topic.name, partition.partition_index};
      if (offsets_.find(key, OffsetStore::View::kLatest) != nullptr || is_unstable(key))
        records.push_back(offset_tombstone(key));
    }
  }
  write_tombstones(std::move(records), now,
                   [this, id, response = std::move(response)](ErrorCode error, Now) mutable {
                     if (error != ErrorCode::kNone) {
                       response.topics.clear();
                       response.error_code = kafka::to_wire(error);
                     }
                     answer(id, std::move(response));
                   });
}

}  // namespace penstock::coordinator
