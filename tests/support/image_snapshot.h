// Images of the metadata written as snapshots, and read back, as a node does it.
//
// Threads: pure functions over the disk.
#pragma once

#include <string>
#include <vector>

#include "broker/metadata/batch_replay.h"
#include "broker/raft/snapshot_file.h"

namespace penstock::testing {

// The encoded records that make the image from nothing.
inline std::vector<base::Bytes> records_of(const metadata::MetadataImage& image) {
  std::vector<base::Bytes> records;
  const auto take = [&](const metadata::Record& record) -> base::Result<> {
    records.push_back(metadata::encode_record(record));
    return {};
  };
  (void)metadata::ImageBuilder::take_apart(image, take);  // Fails only as `take` does.
  return records;
}

// Returns the path of the snapshot, in a directory that is there.
inline base::Result<std::string> write_image(base::Disk& disk, const std::string& directory,
                                             const raft::OffsetAndEpoch& id,
                                             const metadata::MetadataImage& image) {
  TRY_ASSIGN(auto writer, raft::SnapshotWriter::create(disk, directory, id, {.voters = raft::VoterSet{}}));
  TRY(writer.add_batch(records_of(image)));
  TRY(writer.finish());
  return directory + "/" + raft::snapshot_file_name(id);
}

inline base::Result<metadata::ImageBuilder> read_image(base::Disk& disk, const std::string& path) {
  metadata::ImageBuilder builder;
  raft::QuorumRecords quorum;
  const auto replay = [&](const kafka::RecordBatchView& batch) { return replay_batch(batch, builder); };
  TRY(raft::read_snapshot(disk, path, quorum, replay));
  TRY(raft::read_snapshot_timestamp(disk, path));
  return builder;
}

}  // namespace penstock::testing
