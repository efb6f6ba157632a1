// The snapshots beside the log.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "broker/raft/snapshot.h"
#include "broker/raft/storage_raft_log.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");

}  // namespace

std::string StorageRaftLog::snapshot_path(const OffsetAndEpoch& id) const {
  return options_.directory + "/" + snapshot_file_name(id);
}

std::optional<std::int64_t> StorageRaftLog::snapshot_bytes(const OffsetAndEpoch& id) const {
  const SnapshotInfo* info = snapshots_.find(id);
  return info == nullptr ? std::nullopt : std::optional(info->size_bytes);
}

void StorageRaftLog::add_snapshot(const OffsetAndEpoch& id, const SnapshotInfo& info) {
  snapshots_.add(id, info);
  history_.fold_until(id.offset);
}

void StorageRaftLog::add_fetched_snapshot(const OffsetAndEpoch& id, const SnapshotInfo& info,
                                          QuorumRecords quorum) {
  snapshots_.add(id, info);
  fetched_ = Fetched{id, std::move(quorum)};
}

base::Result<> StorageRaftLog::start_at(const OffsetAndEpoch& id) {
  BASE_ASSERT(fetched_ && fetched_->id == id, "the log begins at the snapshot that was fetched last");
  TRY(log_->truncate_fully_and_start_at(id.offset));
  const bool has_voters = fetched_->quorum.voters.has_value();
  history_ = QuorumHistory(std::move(fetched_->quorum), has_voters);
  fetched_.reset();
  for (const auto& old : snapshots_.forget_before(id)) unneeded_.push_back(snapshot_path(old));
  return {};
}

base::Result<std::vector<storage::BackgroundJob>> StorageRaftLog::clean(const SnapshotRetention& retention,
                                                                        std::int64_t now_ms) {
  TRY(log_->roll_if_old(now_ms));
  while (const auto oldest = snapshots_.next_oldest(retention, log_->size_bytes(), now_ms)) {
    // A snapshot is of what is committed.
    log_->set_high_watermark(std::max(log_->high_watermark(), oldest->offset));
    TRY(log_->increment_log_start_offset(oldest->offset));
    TRY(log_->apply_retention(now_ms));
    for (const auto& old : snapshots_.forget_before(*oldest)) {
      log.info("snapshot {} is not needed any more; the metadata log begins at offset {}",
               snapshot_file_name(old), oldest->offset);
      unneeded_.push_back(snapshot_path(old));
    }
  }
  // Snapshots first: a log that begins behind its oldest snapshot is put right when it is opened.
  std::vector<storage::BackgroundJob> jobs;
  for (std::string& path : std::exchange(unneeded_, {})) {
    jobs.push_back({"remove " + path, [disk = options_.disk, path] { return disk->remove(path); }});
  }
  for (auto& job : log_->take_jobs()) jobs.push_back(std::move(job));
  return jobs;
}

}  // namespace penstock::raft
