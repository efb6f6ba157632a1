// One replica of a partition on this broker: leader epoch, in-sync replicas, high watermark, and those who
// wait for it to change. A deterministic core on top of a storage::Log: time is passed in.
//
// A follower's replica is filled by what fetches from its leader (fetcher_state.h).
//
// Lifetime: owned by PartitionSet. Waiters are told of every end: resignation, deletion, destruction.
// Threads: the reactor that owns the partition.
// Source: Kafka's Partition; KIP-101, KIP-279, KIP-320 (epochs), KIP-497 (ISR changes), KIP-966.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/replication/isr_state.h"
#include "broker/replication/replication_quota.h"
#include "broker/replication/types.h"
#include "broker/replication/wait_list.h"
#include "broker/storage/log.h"

namespace penstock::kafka {
class Decompressor;
}

namespace penstock::replication {

class Partition;

// Waits until an offset is committed (acks=all, a coordinator's append) or flushed.
class CommitWaiter : public WaitNode {
 public:
  virtual ~CommitWaiter() = default;
  // Called once, after the waiter has left the list. It must not call into the partition.
  virtual void on_commit(kafka::ErrorCode error) = 0;
  kafka::Offset required;
};

// Waits for anything that a parked fetch must see. Stays in its list until it leaves, or the partition goes.
class ChangeWaiter : public WaitNode {
 public:
  virtual ~ChangeWaiter() = default;
  // `bytes` became readable. `must_answer`: the answer changed in another way (leadership, epoch, log start,
  // truncation, deletion). It must not call into the partition, but may leave.
  virtual void on_change(std::int64_t bytes, bool must_answer) = 0;
  Isolation isolation = Isolation::kReadUncommitted;
  bool hears_of_commits = false;  // Also when it reads to the log's end: must_answer then.
};

// What a topic's configuration says beyond the log's own.
struct PartitionConfig {
  kafka::RecordRules rules;
  std::int32_t min_insync_replicas = 1;
  bool is_deletion_allowed = true;  // cleanup.policy has delete: DeleteRecords may be used.
  base::Duration replica_lag_max = base::seconds(30);
  ThrottledReplicas leader_throttled;
  ThrottledReplicas follower_throttled;
};

class Partition {
 public:
  Partition(PartitionKey key, std::string name, kafka::NodeId self, std::unique_ptr<storage::Log> log,
            PartitionConfig config);
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  const PartitionKey& key() const { return key_; }
  const std::string& name() const { return name_; }  // "orders-3"
  Role role() const { return role_; }
  kafka::NodeId leader() const { return leader_; }
  kafka::LeaderEpoch leader_epoch() const { return leader_epoch_; }
  kafka::PartitionEpoch partition_epoch() const { return partition_epoch_; }
  const PartitionConfig& config() const { return config_; }
  storage::Log& log() { return *log_; }
  kafka::Offset high_watermark() const;
  kafka::Offset log_start_offset() const;
  kafka::Offset log_end_offset() const;
  // The end of what a reader may see.
  kafka::Offset readable_end(Isolation isolation) const;

  // --- Leadership ----------------------------------------------------------------------------------------
  // As the image has it. A new epoch starts at the end of the log and is written to the epoch checkpoint; the
  // same epoch again only renews replicas and ISR. An older one is ignored.
  void become_leader(const LocalReplica& replica, base::MonoTime now);
  // As the image has it: another broker leads, or none. Waiters are answered when that is new.
  void follow(const LocalReplica& replica);
  // Somebody else leads, or nobody does, or the log failed. Everybody who waits is answered.
  void resign(Role role, kafka::NodeId leader, kafka::LeaderEpoch epoch);
  void set_config(PartitionConfig config);
  // Resigns and gives the log away, to be closed or deleted.
  std::unique_ptr<storage::Log> release_log();
  // kNone, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER or KAFKA_STORAGE_ERROR. An epoch
  // of -1 is not compared.
  kafka::ErrorCode check_leader(kafka::LeaderEpoch current_leader_epoch) const;

  // --- Appending -----------------------------------------------------------------------------------------
  // Validates and appends. With acks=all the answer waits for end_offset to be committed (wait_commit()), and
  // with is_flush_pending for any acks also for the flush (wait_flush()).
  AppendOutcome append(const AppendRequest& request, kafka::Decompressor& decompressor, base::MonoTime now,
                       std::int64_t wall_ms);
  bool is_committed(kafka::Offset end_offset) const { return high_watermark() >= end_offset; }
  // Of what is committed: kNone, or NOT_ENOUGH_REPLICAS_AFTER_APPEND when the ISR has shrunk meanwhile.
  kafka::ErrorCode commit_verdict() const;
  // REQUIRES: led here; `waiter.required` is not committed yet.
  void wait_commit(CommitWaiter& waiter);
  void wait_flush(CommitWaiter& waiter);

  // flush.messages and flush.ms hold the high watermark below what the flush must cover. A rolled segment is
  // flushed beside: until then its file stays open and a restart after a crash scans it.
  bool is_flush_wanted() const {
    return !is_flushing_ && !has_failed_ && (flush_gate_.has_value() || log_->has_unflushed_segments());
  }
  storage::FlushJob begin_flush();
  void end_flush(const storage::FlushJob& job, const base::Result<>& outcome, base::MonoTime now,
                 std::int64_t wall_ms);
  // flush.ms or flush.messages asks for a flush: begins to want one.
  void want_flush_if_due(std::int64_t wall_ms);
  // The disk failed it: the partition goes offline, for the life of the process.
  void fail(const base::Error& error);
  // Hears of that, once. It must not call into the partition.
  void set_failure_listener(std::function<void(const base::Error&)> listener) {
    failure_listener_ = std::move(listener);
  }

  // --- Reading -------------------------------------------------------------------------------------------
  ReadOutcome read(const ReadRequest& request);
  void wait_change(ChangeWaiter& waiter) { change_waiters_.push_back(waiter); }
  OffsetAnswer offset_for_timestamp(std::int64_t timestamp, Isolation isolation,
                                    kafka::LeaderEpoch current_leader_epoch);
  // KIP-101: the end of the largest epoch that is not above `epoch`; (-1, -1) when unknown.
  storage::EpochEndOffset end_of_epoch(kafka::LeaderEpoch epoch) const;

  // --- Followers and the ISR, while led here (partition_isr.cc) ------------------------------------------
  // Null until the first image. The high watermark may move: who left holds it back no longer.
  void set_peers(PeersPtr peers, base::MonoTime now);
  bool has_follower(kafka::NodeId id) const { return isr_.has_follower(id); }
  bool is_in_sync(kafka::NodeId id) const { return isr_.is_in_sync(id); }
  const IsrState& isr_state() const { return isr_; }
  // REQUIRES: the read at fetch.offset found nothing wrong with the follower's log.
  void on_follower_fetch(const FollowerFetch& fetch, base::MonoTime now);
  // Followers that lag have to leave the ISR.
  void check_isr(base::MonoTime now);
  // What came up for the controller since the last call.
  std::optional<IsrProposal> take_isr_proposal() { return std::exchange(isr_proposal_, std::nullopt); }
  void on_isr_answer(const IsrAnswer& answer, base::MonoTime now);
  // KIP-392: the replica in `rack` that a consumer should read `offset` from; none when that is this one.
  kafka::NodeId preferred_reader(std::string_view rack, kafka::Offset offset) const;

  // --- Following (partition_follow.cc) -------------------------------------------------------------------
  // REQUIRES, all: role() is kFollower. ERRORS: kIo, after which the partition is offline.
  FollowerPosition position() const;
  // The answer to a fetch from position(). What does not fit is refused and changes nothing. ERRORS: kCorrupt
  // (length, magic, CRC, epoch), kOutOfRange (offsets), kUnsupported (magic).
  base::Result<> append_from_leader(const LeaderData& data, std::int64_t wall_ms);
  // Drops what the leader does not have, given the end of the leader's largest epoch that is not above our
  // last (KIP-279). Further rounds may be needed: the next fetch tells.
  base::Result<> truncate_to_agreement(const storage::EpochEndOffset& leader);
  // The leader has nothing at our end: it begins later, or it was elected uncleanly and ends before.
  base::Result<> restart_within(kafka::Offset leader_start, kafka::Offset leader_end);
  // KIP-73: copies of this replica keep to a rate.
  bool is_throttled_as_leader() const { return config_.leader_throttled.contains(key_.partition, self_); }
  bool is_throttled_as_follower() const { return config_.follower_throttled.contains(key_.partition, self_); }
  // What was appended has to be flushed before it counts.
  bool is_flush_awaited() const { return flush_gate_.has_value(); }

  // --- Removing ------------------------------------------------------------------------------------------
  struct DeleteOutcome {
    kafka::ErrorCode error = kafka::ErrorCode::kNone;  // OFFSET_OUT_OF_RANGE, POLICY_VIOLATION.
    kafka::Offset low_watermark = kafka::kNoOffset;
  };
  // Moves the log start; -1 means the high watermark. Followers come after: wait_low_watermark().
  DeleteOutcome delete_records(kafka::Offset before);
  // The least log start of the replicas in service.
  kafka::Offset low_watermark() const;
  // REQUIRES: led here; low_watermark() is below `waiter.required`.
  void wait_low_watermark(CommitWaiter& waiter);
  // Rolls and drops what segment.ms and retention say. Returns how many segments went.
  base::Result<std::size_t> apply_retention(std::int64_t wall_ms);

 private:
  AppendOutcome append_validated(std::span<std::uint8_t> batch, const AppendRequest& request,
                                 base::MonoTime now, std::int64_t wall_ms);
  OffsetAnswer look_up(std::int64_t timestamp);
  kafka::ErrorCode read_error(const base::Error& error);
  kafka::ErrorCode check_reader(const ReadRequest& request) const;
  bool is_readable(const ReadRequest& request, ReadOutcome& outcome) const;
  void offer_isr(std::vector<IsrMember> isr);
  base::Result<> check_leader_batches(base::ByteSpan records) const;
  base::Result<> append_behind_start(base::ByteSpan records, std::int64_t wall_ms);
  base::Result<> keep(base::Result<> done);
  void advance_high_watermark(base::MonoTime now);
  void answer_commit_waiters();
  void answer_flush_waiters(kafka::Offset flushed);
  void answer_low_watermark_waiters();
  void fail_commit_waiters(kafka::ErrorCode error);
  enum class Readers : std::uint8_t { kAll, kOfLogEnd, kOfCommitted };
  void notify(Readers readers, std::int64_t bytes, bool must_answer);

  const PartitionKey key_;
  const std::string name_;
  const kafka::NodeId self_;
  std::unique_ptr<storage::Log> log_;
  PartitionConfig config_;
  Role role_ = Role::kOffline;
  kafka::NodeId leader_ = kafka::kNoNode;
  kafka::LeaderEpoch leader_epoch_ = kafka::kNoLeaderEpoch;
  kafka::PartitionEpoch partition_epoch_{-1};
  kafka::Offset epoch_start_offset_{0};  // Below it the high watermark may be behind what was once answered.
  IsrState isr_;
  PeersPtr peers_;
  std::optional<IsrProposal> isr_proposal_;
  base::MonoTime isr_growth_at_{};  // After a refusal nobody is proposed before.
  bool has_failed_ = false;
  std::function<void(const base::Error&)> failure_listener_;
  bool is_flushing_ = false;
  std::optional<kafka::Offset> flush_gate_;       // The high watermark must not pass it.
  std::int64_t bytes_not_announced_ = 0;          // Appended, not yet readable.
  WaitList<CommitWaiter> commit_waiters_;         // By required offset, ascending.
  WaitList<CommitWaiter> flush_waiters_;          // The same.
  WaitList<CommitWaiter> low_watermark_waiters_;  // The same.
  WaitList<ChangeWaiter> change_waiters_;
};

}  // namespace penstock::replication
