// RaftLog on a storage::Log, the one of __cluster_metadata-0.
//
// Threads: the control reactor; see RaftLog.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/disk.h"
#include "broker/raft/quorum_history.h"
#include "broker/raft/raft_log.h"
#include "broker/storage/log.h"

namespace penstock::raft {

class StorageRaftLog final : public RaftLog {
 public:
  // `base` is the newest snapshot, and `quorum` what it says of the voters: a log that ends before it is
  // begun anew behind it. ERRORS: kIo, kCorrupt, kUnsupported (a kraft.version above ours).
  static base::Result<std::unique_ptr<StorageRaftLog>> open(base::Disk& disk, const std::string& directory,
                                                            std::int32_t segment_bytes,
                                                            std::optional<OffsetAndEpoch> base,
                                                            QuorumRecords quorum);

  Offset start_offset() const override;
  Offset end_offset() const override;
  LeaderEpoch last_epoch() const override;
  const VoterSet& voters() const override { return history_.voters(); }
  const QuorumHistory& history() const { return history_; }
  OffsetAndEpoch end_of(LeaderEpoch epoch) const override;
  base::Result<> append(base::ByteSpan batches) override;
  base::Result<base::Bytes> read(Offset from, std::size_t bytes_max) override;
  base::Result<> truncate_to(Offset end) override;
  FlushWork begin_flush() override;
  void finish_flush(const base::Result<>& outcome) override;
  base::Result<> close() { return log_->close(); }

 private:
  StorageRaftLog(std::unique_ptr<storage::Log> log, std::optional<OffsetAndEpoch> base,
                 QuorumHistory history);
  base::Result<> scan();

  std::unique_ptr<storage::Log> log_;
  std::optional<OffsetAndEpoch> base_;
  QuorumHistory history_;
  std::shared_ptr<storage::FlushJob> flush_;
};

}  // namespace penstock::raft
