#include "broker/raft/storage_raft_log.h"

#include <utility>

#include "broker/raft/snapshot.h"
#include "kafka/record_batch.h"

namespace penstock::raft {

namespace {

constexpr std::size_t kScanBytes = 4 << 20;

storage::LogOptions log_options(const StorageRaftLogOptions& from) {
  storage::LogOptions options;
  options.disk = from.disk;
  options.directory = from.directory;
  options.config.segment_bytes = from.segment_bytes;
  options.config.segment_ms = from.segment_ms;
  // Only a snapshot lets go of old segments, never time or size.
  options.config.retention_ms = storage::LogConfig::kNoLimit;
  options.config.retention_bytes = storage::LogConfig::kNoLimit;
  options.has_producer_state = false;
  // Its end counts as flushed once it is open: what is there only in the page cache is flushed before.
  options.config.flush_messages = 1;
  return options;
}

// What a crash left undone: a log that the newest snapshot is ahead of goes, and one whose first segments are
// gone begins at its oldest snapshot.
base::Result<> begin_at_snapshot(const StorageRaftLogOptions& options, storage::Log& log,
                                 SnapshotStore& snapshots) {
  const OffsetAndEpoch latest = *snapshots.latest();
  const OffsetAndEpoch end{log.log_end_offset(), log.latest_epoch().value_or(LeaderEpoch(0))};
  if (end < latest) {
    TRY(log.truncate_fully_and_start_at(latest.offset));
    for (const auto& old : snapshots.forget_before(latest)) {
      TRY(options.disk->remove(options.directory + "/" + snapshot_file_name(old)));
    }
  } else if (log.log_start_offset() > Offset(0)) {
    log.set_high_watermark(snapshots.earliest()->offset);
    TRY(log.increment_log_start_offset(snapshots.earliest()->offset));
  }
  return {};
}

}  // namespace

StorageRaftLog::StorageRaftLog(StorageRaftLogOptions options, std::unique_ptr<storage::Log> log,
                               SnapshotStore snapshots, QuorumHistory history)
    : options_(std::move(options)),
      log_(std::move(log)),
      snapshots_(std::move(snapshots)),
      history_(std::move(history)) {}

base::Result<std::unique_ptr<StorageRaftLog>> StorageRaftLog::open(StorageRaftLogOptions options) {
  TRY_ASSIGN(auto log, storage::Log::open(log_options(options)));
  TRY_ASSIGN(auto snapshots,
             SnapshotStore::recover(*options.disk, options.directory, log->log_start_offset()));
  QuorumRecords quorum;
  if (const auto latest = snapshots.latest()) {
    const auto ignore = [](const kafka::RecordBatchView&) -> base::Result<> { return {}; };
    const std::string path = options.directory + "/" + snapshot_file_name(*latest);
    TRY(read_snapshot(*options.disk, path, quorum, ignore));
    TRY(begin_at_snapshot(options, *log, snapshots));
  }
  // The bootstrap snapshot stands outside of the log: its voters are written into the first epoch.
  const bool is_in_log = quorum.voters.has_value() && snapshots.latest()->offset > Offset(0);
  QuorumHistory history(std::move(quorum), is_in_log);
  std::unique_ptr<StorageRaftLog> opened(
      new StorageRaftLog(std::move(options), std::move(log), std::move(snapshots), std::move(history)));
  TRY(opened->scan());
  return opened;
}

base::Result<> StorageRaftLog::scan() {
  const auto latest = snapshots_.latest();
  Offset at = std::max(start_offset(), latest ? latest->offset : Offset(0));
  while (at < end_offset()) {
    TRY_ASSIGN(const auto bytes, read(at, kScanBytes));
    kafka::BatchCursor cursor(bytes);
    const Offset before = at;
    while (true) {
      TRY_ASSIGN(const auto batch, cursor.next());
      if (!batch) break;
      at = batch->next_offset();
    }
    if (at == before) return base::fail(base::Errc::kCorrupt, "the metadata log does not read on");
    TRY(history_.absorb(bytes));
  }
  return {};
}

Offset StorageRaftLog::start_offset() const { return log_->log_start_offset(); }
Offset StorageRaftLog::end_offset() const { return log_->log_end_offset(); }

LeaderEpoch StorageRaftLog::last_epoch() const {
  if (const auto latest = log_->latest_epoch()) return *latest;
  return snapshots_.is_empty() ? LeaderEpoch(0) : snapshots_.latest()->epoch;
}

OffsetAndEpoch StorageRaftLog::end_of(LeaderEpoch epoch) const {
  const auto found = log_->end_offset_for_epoch(epoch);
  if (found.end_offset < Offset(0)) return {end_offset(), last_epoch()};
  // Below the first epoch of the log there is what the oldest snapshot covers.
  const auto oldest = snapshots_.earliest();
  if (oldest && found.end_offset == oldest->offset && found.epoch == epoch) return *oldest;
  return {found.end_offset, found.epoch};
}

base::Result<> StorageRaftLog::append(base::ByteSpan batches) {
  TRY_ASSIGN(const auto info, log_->append_as_follower(batches, 0));
  if (info.bytes != static_cast<std::int64_t>(batches.size())) {
    return base::fail(base::Errc::kCorrupt, "half a batch is appended to the metadata log");
  }
  return history_.absorb(batches);
}

base::Result<base::Bytes> StorageRaftLog::read(Offset from, std::size_t bytes_max) {
  storage::ReadRequest request;
  request.from = from;
  request.bytes_max = static_cast<std::int64_t>(bytes_max);
  request.is_memory_required = true;
  TRY_ASSIGN(auto result, log_->read(request));
  return base::Bytes(result.records.bytes.begin(), result.records.bytes.end());
}

base::Result<> StorageRaftLog::truncate_to(Offset end) {
  TRY(log_->truncate_to(end));
  history_.truncate_to(end);
  return {};
}

RaftLog::FlushWork StorageRaftLog::begin_flush() {
  flush_ = std::make_shared<storage::FlushJob>(log_->make_flush_job());
  // The log's other disk work is small and goes along.
  return {flush_->target(),
          [job = flush_, others = log_->take_jobs(), disk = options_.disk,
           unneeded = std::exchange(unneeded_, {})]() mutable -> base::Result<> {
            TRY(job->run());
            for (auto& other : others) TRY(other.run());
            for (const std::string& path : unneeded) TRY(disk->remove(path));
            return {};
          }};
}

Offset StorageRaftLog::finish_flush(const base::Result<>& outcome) {
  log_->finish_flush(*flush_, outcome);
  const Offset target = flush_->target();
  flush_.reset();
  return std::min(target, log_->recovery_point());
}

}  // namespace penstock::raft
