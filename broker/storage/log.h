// The log of one partition: a directory of segments with Kafka's file formats.
//
// An append goes to the page cache and is visible at once; flushing, write-back, the files of a rolled
// segment and removals are jobs for the blocking pool, so that no call here waits for the disk except a cold
// read that asks to (ReadRequest::may_block), a roll's file creation, truncation and lookup by time.
// After an I/O error the log is poisoned: every later append fails with kIo until it is opened again.
//
// Lifetime: file handles and cached bytes in a ReadResult, and jobs, outlive the log and its segments.
// Threads:  one reactor. open() may run elsewhere before the log is handed over.
// On disk:  docs/formats/segment.md, indexes.md, checkpoints.md, producer-snapshot.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/disk.h"
#include "base/error.h"
#include "broker/storage/log_config.h"
#include "broker/storage/log_types.h"
#include "kafka/ids.h"

namespace penstock::storage {

class TailCacheBudget;
class SegmentCache;
struct LogState;

struct LogOptions {
  base::Disk* disk = nullptr;  // Outlives the log and its jobs.
  std::string directory;       // ".../orders-3"; created when absent.
  LogConfig config;
  // What the checkpoint files said; the recovery point is ignored when is_clean.
  Offset log_start_offset{0};
  Offset recovery_point{0};
  Offset high_watermark{0};
  bool is_clean = false;
  // Off for __cluster_metadata, which has neither producers nor snapshots of them.
  bool has_producer_state = true;
  std::int64_t producer_id_expiration_ms = 86'400'000;
  std::int64_t tail_cache_bytes_max = 1 << 20;         // 0: none.
  std::shared_ptr<TailCacheBudget> tail_cache_budget;  // Shared by all logs; null: only the bound above.
  std::shared_ptr<SegmentCache> segment_cache;         // One per reactor; null: a small one of its own.
};

// Makes everything appended before it durable. Run on the blocking pool, then hand back to the log.
class FlushJob {
 public:
  // Recovery may start here once run() has succeeded.
  Offset target() const { return target_; }
  bool is_empty() const { return files_.empty(); }
  // Any thread. ERRORS: kIo; the data may be lost although a second try would succeed.
  base::Result<> run();

 private:
  friend class Log;
  Offset target_{0};
  std::uint64_t generation_ = 0;
  base::Disk* disk_ = nullptr;
  std::string directory_;
  bool is_directory_dirty_ = false;
  std::vector<BackgroundJob> first_;  // Small files that the recovery point relies on.
  std::vector<std::shared_ptr<base::File>> files_;
};

class Log {
 public:
  // Opens or creates. Reads only what is past the recovery point; see recovery().
  // ERRORS: kIo, kCorrupt (a file name or a batch that no crash explains), kUnsupported.
  static base::Result<std::unique_ptr<Log>> open(LogOptions options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  const RecoveryReport& recovery() const;
  const std::string& directory() const;
  const LogConfig& config() const;
  void set_config(const LogConfig& config);

  // --- Offsets -------------------------------------------------------------------------------------------
  Offset log_start_offset() const;
  Offset log_end_offset() const;
  LogOffsetMetadata log_end() const;
  Offset high_watermark() const;
  // Clamped to [log start, log end]. May go back (a follower that truncates).
  void set_high_watermark(Offset high_watermark);
  // min(high watermark, first offset of a transaction that is open or whose marker is not yet replicated).
  Offset last_stable_offset() const;
  // Everything below it is on stable storage.
  Offset recovery_point() const;
  std::int64_t size_bytes() const;
  // Appended since the recovery point: what a restart after a crash has to scan.
  std::int64_t unflushed_bytes() const;
  std::size_t segment_count() const;
  // Whether segments were rolled since the last flush. Each holds its file until it is flushed.
  bool has_unflushed_segments() const;

  // --- Appending -----------------------------------------------------------------------------------------
  // Sets base offset and leader epoch in `batches` and appends them. Other bytes stay as they came.
  // REQUIRES: whole batches, validated (kafka::validate_produced or built here); one batch if it has a
  // producer id. ERRORS: kIo, kNoSpace (log is poisoned); refusals are AppendInfo::error.
  base::Result<AppendInfo> append_as_leader(std::span<std::uint8_t> batches, LeaderAppend how);
  // Appends what the leader sent, offsets and epochs as they are; half a batch at the end is ignored.
  // AppendInfo::bytes says how much was taken. ERRORS: as above; kCorrupt (length, magic, CRC), kOutOfRange
  // (the first batch does not begin at the log's end or later).
  base::Result<AppendInfo> append_as_follower(base::ByteSpan batches, std::int64_t now_ms);
  // A leader's epoch begins at the log's end, also when nothing is appended in it.
  void assign_epoch_start(LeaderEpoch epoch);
  // Closes the active segment when it has records, so that retention may remove it. ERRORS: kIo.
  base::Result<> roll(std::int64_t now_ms);
  // Rolls when segment.ms has passed. Call now and then: an append does it too.
  base::Result<bool> roll_if_old(std::int64_t now_ms);

  // --- Reading -------------------------------------------------------------------------------------------
  // ERRORS: kOutOfRange (from is below the log start or above the log end), kIo, kCorrupt.
  base::Result<ReadResult> read(const ReadRequest& request);
  // For read_committed: aborted transactions that overlap [from, from + what `read` returned up to `end`).
  base::Result<std::vector<AbortedTransaction>> aborted_transactions(Offset from, Offset end);
  // The first record whose timestamp is at or after `timestamp`; nullopt when there is none. Reads the disk.
  base::Result<std::optional<TimestampOffset>> offset_for_timestamp(std::int64_t timestamp);
  // The record with the largest timestamp; nullopt when the log is empty. Reads the disk.
  base::Result<std::optional<TimestampOffset>> offset_of_max_timestamp();

  // --- Leader epochs -------------------------------------------------------------------------------------
  std::optional<LeaderEpoch> latest_epoch() const;
  // Kafka's OffsetsForLeaderEpoch: latest epoch -> log end; unknown -> {-1, -1}; older than all -> (epoch,
  // first start); else the largest epoch at or below `epoch` and where the next one begins.
  EpochEndOffset end_offset_for_epoch(LeaderEpoch epoch) const;
  // The epoch whose range holds `offset`.
  std::optional<LeaderEpoch> epoch_at(Offset offset) const;

  // --- Truncation and removal ----------------------------------------------------------------------------
  // Drops `offset` and everything after it. ERRORS: kIo, kOutOfRange (below the log start).
  base::Result<> truncate_to(Offset offset);
  // Drops everything and continues at `offset`, as a follower does whose leader begins later.
  base::Result<> truncate_fully_and_start_at(Offset offset);
  // Raises the log start (DeleteRecords; a follower following its leader). Lower or equal is ignored.
  // ERRORS: kOutOfRange (above the high watermark).
  base::Result<> increment_log_start_offset(Offset offset);
  // Drops whole segments that retention.ms, retention.bytes or the log start no longer need, never past the
  // high watermark. Returns how many. The files go in a job.
  base::Result<std::size_t> apply_retention(std::int64_t now_ms);

  // --- Durability ----------------------------------------------------------------------------------------
  // Covers everything appended until now.
  FlushJob make_flush_job();
  // After run(): success raises the recovery point, failure poisons the log.
  void finish_flush(const FlushJob& job, const base::Result<>& outcome);
  // make, run, finish in one; for callers that own a thread that may block, and for tests.
  base::Result<> flush();
  // Whether flush.messages or flush.ms asks for a flush now.
  bool is_flush_due(std::int64_t now_ms) const;

  // Jobs that came up since the last call: write-back, preallocation, index files and producer snapshot of a
  // rolled segment, epoch checkpoint, removals. Losing one costs recovery time, never data. At most a few
  // each.
  std::vector<BackgroundJob> take_jobs();
  // Runs them here; for threads that may block. The first error is returned, all are run.
  base::Result<> run_jobs();
  // What take_jobs()'s caller reports when one failed: poisons the log.
  void fail(const base::Error& error);
  bool is_poisoned() const;

  // --- Producers -----------------------------------------------------------------------------------------
  // Forgets producers idle for longer than the expiration. Call every 10 minutes.
  void expire_producers(std::int64_t now_ms);
  std::size_t producer_count() const;
  // Whether an open transaction of this producer has begun here.
  bool has_open_transaction(kafka::ProducerId producer_id) const;

  // Writes indexes and a producer snapshot and flushes: the directory is then clean. Blocks; the log takes no
  // appends afterwards.
  base::Result<> close();
  // Gives the tail cache back when the partition is idle.
  void drop_tail_cache();

 private:
  friend struct LogState;
  explicit Log(std::unique_ptr<LogState> state);
  base::Result<AppendInfo> append_checked(base::ByteSpan batches, std::int64_t now_ms, AppendInfo info);

  std::unique_ptr<LogState> state_;
};

}  // namespace penstock::storage
