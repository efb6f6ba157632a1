#include "broker/raft/storage_raft_log.h"

#include <utility>

#include "kafka/record_batch.h"

namespace penstock::raft {

namespace {

constexpr std::size_t kScanBytes = 4 << 20;

}  // namespace

StorageRaftLog::StorageRaftLog(std::unique_ptr<storage::Log> log, std::optional<OffsetAndEpoch> base,
                               QuorumHistory history)
    : log_(std::move(log)), base_(base), history_(std::move(history)) {}

base::Result<std::unique_ptr<StorageRaftLog>> StorageRaftLog::open(base::Disk& disk,
                                                                   const std::string& directory,
                                                                   std::int32_t segment_bytes,
                                                                   std::optional<OffsetAndEpoch> base,
                                                                   QuorumRecords quorum) {
  storage::LogOptions options;
  options.disk = &disk;
  options.directory = directory;
  options.config.segment_bytes = segment_bytes;
  // Only a snapshot lets go of old segments, never time or size.
  options.config.retention_ms = storage::LogConfig::kNoLimit;
  options.config.retention_bytes = storage::LogConfig::kNoLimit;
  options.has_producer_state = false;
  // Its end counts as flushed once it is open: what is there only in the page cache is flushed before.
  options.config.flush_messages = 1;
  TRY_ASSIGN(auto log, storage::Log::open(std::move(options)));
  if (base && log->log_end_offset() < base->offset) TRY(log->truncate_fully_and_start_at(base->offset));
  // The bootstrap snapshot stands outside of the log: its voters are written into the first epoch.
  const bool is_in_log = quorum.voters.has_value() && base && base->offset > Offset(0);
  std::unique_ptr<StorageRaftLog> opened(
      new StorageRaftLog(std::move(log), base, QuorumHistory(std::move(quorum), is_in_log)));
  TRY(opened->scan());
  return opened;
}

base::Result<> StorageRaftLog::scan() {
  Offset at = std::max(start_offset(), base_ ? base_->offset : Offset(0));
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
  const LeaderEpoch of_base = base_ ? base_->epoch : LeaderEpoch(0);
  return std::max(log_->latest_epoch().value_or(LeaderEpoch(0)), of_base);
}

OffsetAndEpoch StorageRaftLog::end_of(LeaderEpoch epoch) const {
  const auto found = log_->end_offset_for_epoch(epoch);
  if (found.end_offset >= Offset(0)) return {found.end_offset, found.epoch};
  return base_.value_or(OffsetAndEpoch{end_offset(), last_epoch()});
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
  return {flush_->target(), [job = flush_, others = log_->take_jobs()]() mutable -> base::Result<> {
            TRY(job->run());
            for (auto& other : others) TRY(other.run());
            return {};
          }};
}

void StorageRaftLog::finish_flush(const base::Result<>& outcome) {
  log_->finish_flush(*flush_, outcome);
  flush_.reset();
}

}  // namespace penstock::raft
