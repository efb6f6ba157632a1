// Snapshot files of the metadata log: NNNNNNNNNNNNNNNNNNNN-EEEEEEEEEE.checkpoint, the state at end offset N
// of epoch E as record batches between a header and a footer.
//
// Threads: any; calls block.
// Source: KIP-630; control record types 3 and 4.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "broker/raft/types.h"
#include "broker/raft/voters.h"

namespace penstock::raft {

std::string snapshot_file_name(const OffsetAndEpoch& id);
std::optional<OffsetAndEpoch> parse_snapshot_file_name(std::string_view name);
// Of one that is being written or fetched. Kafka sweeps such names away too.
std::string snapshot_part_name(const OffsetAndEpoch& id, std::string_view purpose);
// Left over: a part, or a snapshot whose removal was under way.
bool is_snapshot_litter(std::string_view name);

// Builds the content of a snapshot. Offsets inside count from 0, as Kafka's do.
class SnapshotBuilder {
 public:
  struct Options {
    LeaderEpoch epoch{0};
    std::int64_t now_ms = 0;
    std::int64_t last_contained_log_timestamp_ms = 0;
    // With them the first batch holds KRaftVersion and KRaftVoters too.
    std::optional<VoterSet> voters{};
  };
  explicit SnapshotBuilder(Options options);

  // One batch of records, each an encoded metadata record.
  base::Result<> add_batch(const std::vector<base::Bytes>& records);
  // What was built since the last take().
  base::Bytes take() { return std::exchange(bytes_, {}); }
  // Adds the footer, and takes.
  base::Result<base::Bytes> finish();

 private:
  base::Result<> add_header();
  base::Result<> add_control_batch(kafka::ControlType type, base::ByteSpan value);

  const Options options_;
  Offset next_offset_{0};
  base::Bytes bytes_;
  bool has_header_ = false;
};

// Calls `visit` for each data batch and absorbs the control batches; holds one batch at a time.
// ERRORS: kCorrupt (CRC, no header, no footer), what visit returns; they name the file.
base::Result<> read_snapshot(base::Disk& disk, const std::string& path, QuorumRecords& quorum,
                             const std::function<base::Result<>(const kafka::RecordBatchView&)>& visit);
// Of the newest record that the snapshot covers, as its header has it. ERRORS: kCorrupt, kIo.
base::Result<std::int64_t> read_snapshot_timestamp(base::Disk& disk, const std::string& path);
// `bytes_max` bytes from `position`, fewer at the end of the file. ERRORS: kNotFound, kIo.
base::Result<base::Bytes> read_snapshot_piece(base::Disk& disk, const std::string& path,
                                              std::int64_t position, std::size_t bytes_max);

}  // namespace penstock::raft
