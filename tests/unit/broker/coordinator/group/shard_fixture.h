// A shard on a log in memory, driven by hand: time stands still, and records are committed when told.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/coordinator/group/group_errors.h"
#include "broker/coordinator/group/group_shard.h"

namespace penstock::coordinator {

class MemoryWriter final : public RecordWriter {
 public:
  base::Result<kafka::Offset> write(const std::vector<CoordinatorRecord>& added, std::int64_t) override {
    if (failure) return base::fail(*failure, "the log refuses");
    for (const CoordinatorRecord& record : added) records.push_back(record);
    return kafka::Offset(static_cast<std::int64_t>(records.size()) - 1);
  }

  std::vector<CoordinatorRecord> records;
  std::optional<base::Errc> failure;
};

struct Member {
  std::string member_id;
  std::int32_t generation = -1;
  std::optional<std::string> instance_id;
};

class ShardFixture : public ::testing::Test {
 public:
  ShardFixture() { shard->finish_loading(kafka::Offset(0), kafka::Offset(0), now); }

  static constexpr const char* kGroup = "orders";

  // Requests; the answers are asked for by id.
  RequestId join(const std::string& member_id, std::int16_t version = 9,
                 std::optional<std::string> instance_id = {}, const std::string& topic = "t",
                 const std::string& group_id = kGroup) {
    kafka::JoinGroupRequest request;
    request.group_id = group_id;
    request.member_id = member_id;
    request.group_instance_id = std::move(instance_id);
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 60'000;
    request.protocol_type = "consumer";
    auto& protocol = request.protocols.emplace_back();
    protocol.name = "range";
    protocol.metadata = subscription(topic);
    return join(std::move(request), version);
  }
  RequestId join(kafka::JoinGroupRequest request, std::int16_t version) {
    const RequestId id(++last_request);
    shard->join(id, {"client", "127.0.0.1", version}, "suffix-" + std::to_string(last_request),
                std::move(request), now);
    return settle(id);
  }
  RequestId sync(const Member& member, const std::vector<std::string>& assign_to = {}) {
    kafka::SyncGroupRequest request;
    request.group_id = kGroup;
    request.member_id = member.member_id;
    request.generation_id = member.generation;
    request.group_instance_id = member.instance_id;
    for (const std::string& target : assign_to) {
      auto& assigned = request.assignments.emplace_back();
      assigned.member_id = target;
      assigned.assignment = assignment_of(target);
    }
    const RequestId id(++last_request);
    shard->sync(id, request, now);
    return settle(id);
  }
  std::int16_t heartbeat(const Member& member) {
    kafka::HeartbeatRequest request;
    request.group_id = kGroup;
    request.member_id = member.member_id;
    request.generation_id = member.generation;
    request.group_instance_id = member.instance_id;
    const RequestId id(++last_request);
    shard->heartbeat(id, request, now);
    return get<kafka::HeartbeatResponse>(settle(id)).error_code;
  }
  RequestId leave(const std::string& member_id, std::optional<std::string> instance_id = {}) {
    kafka::LeaveGroupRequest request;
    request.group_id = kGroup;
    auto& member = request.members.emplace_back();
    member.member_id = member_id;
    member.group_instance_id = std::move(instance_id);
    const RequestId id(++last_request);
    shard->leave(id, request, now);
    return settle(id);
  }
  RequestId commit(const Member& member, std::int64_t offset, const std::string& metadata = "",
                   const std::string& topic = "t", std::int16_t version = 9,
                   const std::string& group_id = kGroup) {
    kafka::OffsetCommitRequest request;
    request.group_id = group_id;
    request.member_id = member.member_id;
    request.generation_id_or_member_epoch = member.generation;
    request.group_instance_id = member.instance_id;
    auto& asked = request.topics.emplace_back();
    asked.name = topic;
    auto& partition = asked.partitions.emplace_back();
    partition.committed_offset = offset;
    partition.committed_metadata = metadata;
    const RequestId id(++last_request);
    shard->offset_commit(id, {"client", "127.0.0.1", version}, request, now);
    return settle(id);
  }
  std::int16_t commit_error(RequestId id) {
    return get<kafka::OffsetCommitResponse>(id).topics.at(0).partitions.at(0).error_code;
  }
  RequestId fetch(bool require_stable, const std::string& topic = "t", const std::string& group_id = kGroup) {
    kafka::OffsetFetchRequest request;
    request.require_stable = require_stable;
    auto& group = request.groups.emplace_back();
    group.group_id = group_id;
    group.topics.emplace();
    auto& asked = group.topics->emplace_back();
    asked.name = topic;
    asked.partition_indexes = {0};
    const RequestId id(++last_request);
    shard->offset_fetch(id, request, now);
    return settle(id);
  }
  std::int64_t fetched(RequestId id) {
    return get<kafka::OffsetFetchResponse>(id).groups.at(0).topics.at(0).partitions.at(0).committed_offset;
  }

  // Time in small steps, as a reactor's timer would, so that chains of timers run at their times.
  void advance(std::int64_t ms) {
    const Now until{now.mono + base::milliseconds(ms), now.wall_ms + ms};
    while (const auto next = shard->next_deadline()) {
      if (*next > until.mono) break;
      const auto by = std::chrono::duration_cast<base::milliseconds>(*next - now.mono).count();
      now = {*next, now.wall_ms + by};
      shard->on_time(now);
      settle({});
    }
    now = until;
  }
  // Everything written so far is committed, and what that causes to be written, too.
  void commit_all() {
    while (const auto awaited = shard->awaited_offset()) {
      shard->on_committed(*awaited + 1, now);
      collect();
    }
  }

  bool is_answered(RequestId id) const { return answers.contains(id); }
  template <typename Response>
  const Response& get(RequestId id) const {
    static const Response none{};
    const auto found = answers.find(id);
    EXPECT_TRUE(found != answers.end()) << "request " << id.value() << " is not answered";
    if (found == answers.end()) return none;
    return std::get<Response>(found->second);
  }
  const kafka::JoinGroupResponse& joined(RequestId id) const { return get<kafka::JoinGroupResponse>(id); }
  const kafka::SyncGroupResponse& synced(RequestId id) const { return get<kafka::SyncGroupResponse>(id); }

  // `count` dynamic members in one stable generation. The first is the leader.
  std::vector<Member> stable_group(std::size_t count,
                                   std::vector<std::optional<std::string>> instances = {}) {
    instances.resize(count);
    std::vector<RequestId> requests;
    for (std::size_t i = 0; i < count; ++i) {
      RequestId id = join("", 9, instances[i]);
      if (!instances[i]) id = join(joined(id).member_id);
      requests.push_back(id);
    }
    advance(3'000);
    advance(3'000);
    std::vector<Member> members;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& response = joined(requests[i]);
      members.push_back({response.member_id, response.generation_id, instances[i]});
      ids.push_back(response.member_id);
    }
    for (std::size_t i = 0; i < count; ++i)
      if (joined(requests[i]).leader == members[i].member_id) std::swap(members[0], members[i]);
    for (std::size_t i = 1; i < count; ++i) sync(members[i]);
    sync(members[0], ids);
    EXPECT_EQ(state(), "Stable");
    return members;
  }
  std::string state(const std::string& group_id = kGroup) const {
    const ClassicGroup* group = shard->group(group_id);
    return group == nullptr ? "none" : std::string(group_state_name(group->state()));
  }

  static base::Bytes subscription(const std::string& topic) {
    base::ByteWriter writer;
    writer.write_int16(0);
    writer.write_int32(1);
    writer.write_int16(static_cast<std::int16_t>(topic.size()));
    writer.write_text(topic);
    writer.write_int32(-1);
    return writer.take();
  }
  static base::Bytes assignment_of(const std::string& member_id) {
    const auto bytes = base::as_bytes(member_id);
    return {bytes.begin(), bytes.end()};
  }

  // A shard that has loaded what this one wrote.
  std::unique_ptr<GroupShard> reloaded() {
    auto copy = std::make_unique<GroupShard>(config, writer);
    for (std::size_t i = 0; i < writer.records.size(); ++i) {
      const CoordinatorRecord& record = writer.records[i];
      std::optional<base::ByteSpan> value;
      if (record.value) value = base::ByteSpan(*record.value);
      const auto done = copy->replay(kafka::Offset(static_cast<std::int64_t>(i)), kafka::kNoProducerId,
                                     record.key, value, now.wall_ms);
      EXPECT_TRUE(done.has_value());
    }
    const kafka::Offset end(static_cast<std::int64_t>(writer.records.size()));
    copy->finish_loading(end, end, now);
    return copy;
  }

  RequestId settle(RequestId id) {
    collect();
    if (commits_at_once) commit_all();
    return id;
  }
  void collect() {
    for (GroupAnswer& answer : shard->take_answers()) {
      EXPECT_FALSE(answers.contains(answer.id)) << "answered twice";
      answers.emplace(answer.id, std::move(answer.response));
    }
  }

  GroupConfig config;
  MemoryWriter writer;
  std::unique_ptr<GroupShard> shard = std::make_unique<GroupShard>(config, writer);
  Now now{base::MonoTime{}, 1'700'000'000'000};
  std::uint64_t last_request = 0;
  std::map<RequestId, GroupResponse> answers;
  bool commits_at_once = true;
};

constexpr std::int16_t wire(kafka::ErrorCode error) { return kafka::to_wire(error); }

}  // namespace penstock::coordinator
