// The groups and offsets of one __consumer_offsets partition: the deterministic core of the coordinator.
//
// Requests, time and commit notifications come in; records go to the RecordWriter, answers into an outbox
// that the shell empties after every call. What is stored (offsets, the existence of groups, assignments)
// changes only when its record is replayed; what a rebalance needs in between is soft and dies with the
// shard.
//
// Source: Kafka 4.3's GroupMetadataManager, OffsetMetadataManager, GroupCoordinatorService (classic part).
// Lifetime: one term of leadership. Threads: one. No clock, random source or I/O of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/coordinator/group/classic_group.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/deadlines.h"
#include "broker/coordinator/group/group_answer.h"
#include "broker/coordinator/group/group_coordinator.h"
#include "broker/coordinator/group/group_records.h"
#include "broker/coordinator/group/offset_store.h"

namespace penstock::coordinator {

struct Now {
  base::MonoTime mono{};
  std::int64_t wall_ms = 0;
};

// The log, as the core sees it.
class RecordWriter {
 public:
  virtual ~RecordWriter() = default;
  // Appends them as one batch; the offset of the last. ERRORS: as CoordinatorLog::append.
  virtual base::Result<kafka::Offset> write(const std::vector<CoordinatorRecord>& records,
                                            std::int64_t wall_ms) = 0;
};

class GroupShard {
 public:
  // Bounds beyond the configured ones.
  static constexpr std::size_t kGroupsMax = 200'000;
  static constexpr std::size_t kPendingMembersMax = 10'000;  // Per group.
  static constexpr std::size_t kProtocolsMax = 100;          // Per member.
  static constexpr std::size_t kMemberMetadataBytesMax = 4 << 20;
  static constexpr std::size_t kTombstonesPerBatch = 1'000;
  // A new member waits in JoinGroup, where it cannot send heartbeats; after this it must ask again.
  static constexpr std::int32_t kNewMemberJoinTimeoutMs = 5 * 60 * 1000;

  // Both outlive the shard.
  GroupShard(const GroupConfig& config, RecordWriter& writer) : config_(config), writer_(writer) {}

  // Loading: every record of the log, in order, then finish_loading() once.
  // `transaction` is the producer of a transactional batch, else kNoProducerId.
  // ERRORS: as parse_record().
  base::Result<> replay(kafka::Offset at, kafka::ProducerId transaction, base::ByteSpan key,
                        std::optional<base::ByteSpan> value, std::int64_t wall_ms);
  void end_transaction(kafka::ProducerId producer, bool is_commit, kafka::Offset at, std::int64_t wall_ms);
  void finish_loading(kafka::Offset end, kafka::Offset high_watermark, Now now);

  // Requests. Each is answered exactly once, now or later. `member_id_suffix` is random text.
  void join(RequestId id, const GroupCaller& caller, const std::string& member_id_suffix,
            kafka::JoinGroupRequest request, Now now);
  void sync(RequestId id, const kafka::SyncGroupRequest& request, Now now);
  void heartbeat(RequestId id, const kafka::HeartbeatRequest& request, Now now);
  void leave(RequestId id, const kafka::LeaveGroupRequest& request, Now now);
  void offset_commit(RequestId id, const GroupCaller& caller, const kafka::OffsetCommitRequest& request,
                     Now now);
  void offset_fetch(RequestId id, const kafka::OffsetFetchRequest& request, Now now);
  void offset_delete(RequestId id, const kafka::OffsetDeleteRequest& request, Now now);
  void delete_groups(RequestId id, const kafka::DeleteGroupsRequest& request, Now now);
  kafka::DescribeGroupsResponse describe(const GroupCaller& caller,
                                         const kafka::DescribeGroupsRequest& request) const;
  kafka::ListGroupsResponse list(const kafka::ListGroupsRequest& request) const;

  // Other events.
  void on_topics_deleted(const std::vector<std::string>& topics, Now now);
  void on_committed(kafka::Offset high_watermark, Now now);
  void on_time(Now now);
  // Leadership has ended: everyone who waits is answered with NOT_COORDINATOR.
  void resign(Now now);

  // Effects.
  std::vector<GroupAnswer> take_answers() { return std::exchange(answers_, {}); }
  std::optional<base::MonoTime> next_deadline() const;
  // The last record that nobody has said is committed; nullopt when all are.
  std::optional<kafka::Offset> awaited_offset() const;

  // For tests and metrics.
  const ClassicGroup* group(const std::string& group_id) const;
  std::size_t group_count() const { return groups_.size(); }
  const OffsetStore& offsets() const { return offsets_; }
  std::uint64_t foreign_record_count() const { return foreign_record_count_; }
  // All that is stored, as records: what a compacted log would hold.
  std::vector<CoordinatorRecord> stored_state() const;

 private:
  using Finish = std::move_only_function<void(kafka::ErrorCode, Now)>;
  struct PendingWrite {
    kafka::Offset last;
    base::MonoTime deadline;
    Finish finish;
  };

  // group_shard.cc
  void answer(RequestId id, GroupResponse response) { answers_.push_back({id, std::move(response)}); }
  ClassicGroup* find(const std::string& group_id);
  // Writes, replays, and calls `finish` when the records, and all before them, are committed or have failed.
  // Returns the error when nothing was written. With no records it waits for those before.
  kafka::ErrorCode write(std::vector<CoordinatorRecord> records, Now now, Finish finish);
  void write_tombstones(std::vector<CoordinatorRecord> records, Now now, Finish finish);
  void apply(kafka::Offset at, ParsedRecord record, std::int64_t wall_ms, bool is_loading);
  void load_group(const GroupRecord& record);
  void remove_group(const std::string& group_id);

  // shard_join.cc
  kafka::ErrorCode check_join(const kafka::JoinGroupRequest& request) const;
  bool accepts_joining(ClassicGroup& group, const std::string& member_id);
  ClassicGroup* create_group(const std::string& group_id, Now now, kafka::ErrorCode& error);
  void join_new(RequestId id, const GroupCaller& caller, const std::string& suffix,
                kafka::JoinGroupRequest& request, ClassicGroup& group, Now now);
  void join_existing(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                     ClassicGroup& group, Now now);
  void add_member(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                  const std::string& member_id, ClassicGroup& group, Now now);
  void update_member(RequestId id, kafka::JoinGroupRequest& request, ClassicGroup& group, GroupMember& member,
                     Now now);
  void answer_current_generation(RequestId id, const ClassicGroup& group, const GroupMember& member);

  // shard_static.cc
  void rejoin_static(RequestId id, const GroupCaller& caller, kafka::JoinGroupRequest& request,
                     const std::string& old_member_id, const std::string& new_member_id, ClassicGroup& group,
                     Now now);
  void store_replaced_member(const GroupCaller& caller, ClassicGroup& group, const GroupMember& before,
                             const std::string& new_member_id, const std::string& leader_before, Now now);
  void restore_replaced_member(ClassicGroup& group, const GroupMember& before,
                               const std::string& new_member_id, Now now);

  // shard_rebalance.cc
  kafka::ErrorCode prepare_rebalance(ClassicGroup& group, Now now);
  kafka::ErrorCode rebalance_or_complete_join(ClassicGroup& group, Now now);
  kafka::ErrorCode maybe_complete_join(ClassicGroup& group, Now now);
  kafka::ErrorCode complete_join(ClassicGroup& group, Now now);
  void extend_initial_delay_or_complete(ClassicGroup& group, Now now);
  void expire_pending_sync(ClassicGroup& group, Now now);
  void expire_session(ClassicGroup& group, const std::string& member_id, Now now);
  void answer_join(ClassicGroup& group, GroupMember& member, kafka::JoinGroupResponse response);
  bool answer_sync(GroupMember& member, kafka::SyncGroupResponse response);
  void remove_member(ClassicGroup& group, std::string_view member_id, kafka::ErrorCode join_error_code);
  void propagate_assignment(ClassicGroup& group, kafka::ErrorCode error, Now now);
  void restart_session(const ClassicGroup& group, const GroupMember& member, Now now);
  void set_deadline(DeadlineKind kind, const std::string& group_id, const std::string& member_id,
                    std::int64_t delay_ms, Now now);
  void cancel_deadline(DeadlineKind kind, const std::string& group_id, const std::string& member_id = {});

  // shard_sync.cc
  kafka::ErrorCode check_sync(const ClassicGroup& group, const kafka::SyncGroupRequest& request) const;
  void store_assignment(ClassicGroup& group, const kafka::SyncGroupRequest& request, Now now);

  // shard_offsets.cc
  kafka::ErrorCode check_offset_commit(const GroupCaller& caller, const kafka::OffsetCommitRequest& request);
  void fetch_group(const kafka::OffsetFetchRequest& request, std::size_t index,
                   kafka::OffsetFetchResponse& response) const;
  bool is_unstable(const OffsetKey& key) const;

  // shard_expiry.cc
  void expire_offsets(Now now);
  bool collect_expired(ClassicGroup& group, Now now, std::vector<CoordinatorRecord>& records);

  const GroupConfig& config_;
  RecordWriter& writer_;
  std::map<std::string, ClassicGroup> groups_;
  OffsetStore offsets_;
  // Offsets of transactions that have not ended, by producer.
  std::map<kafka::ProducerId, std::vector<OffsetRecord>> open_transactions_;
  Deadlines deadlines_;
  std::deque<PendingWrite> pending_;
  std::vector<GroupAnswer> answers_;
  kafka::Offset last_written_{-1};
  kafka::Offset high_watermark_{0};
  std::uint64_t foreign_record_count_ = 0;
};

// The record that stores a group as it is, with these assignments.
kafka::GroupMetadataValue stored_value(const ClassicGroup& group,
                                       const std::map<std::string, base::Bytes>& assignments);

}  // namespace penstock::coordinator
