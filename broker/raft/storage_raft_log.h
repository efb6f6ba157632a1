// RaftLog on a storage::Log, the one of __cluster_metadata-0, and the snapshots beside it.
//
// The log begins at offset 0 or at that of a snapshot; the newest snapshot says who the voters were there.
//
// Threads: the control reactor; see RaftLog.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/disk.h"
#include "broker/raft/quorum_history.h"
#include "broker/raft/raft_log.h"
#include "broker/raft/snapshot_store.h"
#include "broker/storage/log.h"

namespace penstock::raft {

struct StorageRaftLogOptions {
  base::Disk* disk = nullptr;
  std::string directory;
  std::int32_t segment_bytes = 1 << 30;
  std::int64_t segment_ms = 604'800'000;
};

class StorageRaftLog final : public RaftLog {
 public:
  // A log that ends before the newest snapshot is begun anew behind it.
  // ERRORS: kIo, kCorrupt, kUnsupported (a kraft.version above ours).
  static base::Result<std::unique_ptr<StorageRaftLog>> open(StorageRaftLogOptions options);

  Offset start_offset() const override;
  Offset end_offset() const override;
  LeaderEpoch last_epoch() const override;
  const VoterSet& voters() const override { return history_.voters(); }
  Offset voters_offset() const override { return history_.last_change(); }
  std::int16_t kraft_version() const override { return history_.kraft_version(); }
  const QuorumHistory& history() const { return history_; }
  OffsetAndEpoch end_of(LeaderEpoch epoch) const override;
  base::Result<> append(base::ByteSpan batches) override;
  base::Result<base::Bytes> read(Offset from, std::size_t bytes_max) override;
  base::Result<> truncate_to(Offset end) override;
  FlushWork begin_flush() override;
  Offset finish_flush(const base::Result<>& outcome) override;

  std::optional<OffsetAndEpoch> earliest_snapshot() const override { return snapshots_.earliest(); }
  std::optional<OffsetAndEpoch> latest_snapshot() const override { return snapshots_.latest(); }
  std::optional<std::int64_t> snapshot_bytes(const OffsetAndEpoch& id) const override;
  base::Result<> start_at(const OffsetAndEpoch& id) override;

  std::string snapshot_path(const OffsetAndEpoch& id) const;
  // A snapshot of this log's own committed state is on disk.
  void add_snapshot(const OffsetAndEpoch& id, const SnapshotInfo& info);
  // Lets go of the oldest snapshots, and of the log before the oldest that stays, by Kafka's rules: the log
  // begins at 0 or at a snapshot. What is left to do is run on the blocking pool. ERRORS: kIo.
  base::Result<std::vector<storage::BackgroundJob>> clean(const SnapshotRetention& retention,
                                                          std::int64_t now_ms);
  // One from the leader is, and `quorum` is what it says. REQUIRES: it does not end before the log begins.
  void add_fetched_snapshot(const OffsetAndEpoch& id, const SnapshotInfo& info, QuorumRecords quorum);
  base::Result<> close() { return log_->close(); }

 private:
  StorageRaftLog(StorageRaftLogOptions options, std::unique_ptr<storage::Log> log, SnapshotStore snapshots,
                 QuorumHistory history);
  base::Result<> scan();

  const StorageRaftLogOptions options_;
  std::unique_ptr<storage::Log> log_;
  SnapshotStore snapshots_;
  QuorumHistory history_;
  struct Fetched {
    OffsetAndEpoch id{};
    QuorumRecords quorum{};
  };
  std::optional<Fetched> fetched_;     // The newest.
  std::vector<std::string> unneeded_;  // Files of snapshots that are forgotten.
  std::shared_ptr<storage::FlushJob> flush_;
};

}  // namespace penstock::raft
