// The snapshots in the directory of the metadata log, and which of them may go.
//
// The files themselves are written and removed elsewhere; see snapshot_file.h.
// Threads: the control reactor; recover() blocks on the disk.
// Source: KIP-630; KafkaRaftLog of Apache Kafka 4.3.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "broker/raft/types.h"

namespace penstock::raft {

struct SnapshotInfo {
  std::int64_t size_bytes = 0;
  // Of the newest record that it covers; nullopt when the header does not read.
  std::optional<std::int64_t> last_timestamp_ms{};
};

struct SnapshotRetention {
  std::int64_t bytes = -1;  // Log and snapshots together; -1: no limit.
  std::int64_t ms = -1;
};

class SnapshotStore {
 public:
  // Removes litter, and what lies before the log's start. ERRORS: kIo; kCorrupt when the log begins above 0
  // and no snapshot has what came before.
  static base::Result<SnapshotStore> recover(base::Disk& disk, const std::string& directory,
                                             Offset log_start);

  bool is_empty() const { return snapshots_.empty(); }
  std::optional<OffsetAndEpoch> earliest() const;
  std::optional<OffsetAndEpoch> latest() const;
  // Null when there is no such snapshot.
  const SnapshotInfo* find(const OffsetAndEpoch& id) const;
  void add(const OffsetAndEpoch& id, SnapshotInfo info) { snapshots_[id] = info; }
  // Forgets those before `id`; returns which. Their files are to be removed.
  std::vector<OffsetAndEpoch> forget_before(const OffsetAndEpoch& id);
  // The snapshot that is to be the oldest one by the retention of size or time; nullopt: nothing goes. Never
  // asks the newest to go.
  std::optional<OffsetAndEpoch> next_oldest(const SnapshotRetention& retention, std::int64_t log_bytes,
                                            std::int64_t now_ms) const;

 private:
  std::map<OffsetAndEpoch, SnapshotInfo> snapshots_;  // By epoch, then by offset.
};

}  // namespace penstock::raft
