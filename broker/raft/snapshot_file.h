// A snapshot file while it is filled: it grows under a name that ends in ".part", which nobody takes for a
// snapshot, and gets its own name when all of it is on stable storage.
//
// Threads: one at a time; calls block.
// ERRORS: kIo, kNoSpace, naming the file.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "broker/raft/snapshot.h"

namespace penstock::raft {

class SnapshotFile {
 public:
  // `purpose` tells apart what is filled at the same time.
  static base::Result<SnapshotFile> create(base::Disk& disk, const std::string& directory,
                                           const OffsetAndEpoch& id, std::string_view purpose);

  const OffsetAndEpoch& id() const { return id_; }
  const std::string& path() const { return path_; }  // Of the part.
  std::int64_t size_bytes() const { return size_bytes_; }

  base::Result<> append(base::ByteSpan bytes);
  // All that was appended is on stable storage.
  base::Result<> sync();
  // Becomes the snapshot. REQUIRES: sync().
  base::Result<> publish();
  base::Result<> discard();

 private:
  SnapshotFile(base::Disk& disk, std::string directory, const OffsetAndEpoch& id)
      : disk_(&disk), directory_(std::move(directory)), id_(id) {}

  base::Disk* disk_;
  std::string directory_;
  OffsetAndEpoch id_;
  std::string path_;
  std::unique_ptr<base::File> file_;
  std::int64_t size_bytes_ = 0;
};

// Writes a snapshot of this node's own state, batch by batch.
class SnapshotWriter {
 public:
  static base::Result<SnapshotWriter> create(base::Disk& disk, const std::string& directory,
                                             const OffsetAndEpoch& id, SnapshotBuilder::Options options);

  // One batch of records, each an encoded metadata record.
  base::Result<> add_batch(const std::vector<base::Bytes>& records);
  // The snapshot is there, also after a power loss. Returns its size.
  base::Result<std::int64_t> finish();
  base::Result<> discard() { return file_.discard(); }

 private:
  SnapshotWriter(SnapshotFile file, SnapshotBuilder::Options options)
      : file_(std::move(file)), builder_(std::move(options)) {}

  SnapshotFile file_;
  SnapshotBuilder builder_;
};

}  // namespace penstock::raft
