#include "broker/raft/snapshot_file.h"

#include <fmt/format.h>

namespace penstock::raft {

base::Result<SnapshotFile> SnapshotFile::create(base::Disk& disk, const std::string& directory,
                                                const OffsetAndEpoch& id, std::string_view purpose) {
  SnapshotFile created(disk, directory, id);
  created.path_ = fmt::format("{}/{}", directory, snapshot_part_name(id, purpose));
  TRY_ASSIGN(created.file_, disk.open(created.path_, base::OpenMode::kTruncate));
  return created;
}

base::Result<> SnapshotFile::append(base::ByteSpan bytes) {
  TRY(file_->write_at(size_bytes_, bytes));
  size_bytes_ += static_cast<std::int64_t>(bytes.size());
  return {};
}

base::Result<> SnapshotFile::sync() { return file_->sync(); }

base::Result<> SnapshotFile::publish() {
  file_.reset();
  TRY(disk_->rename(path_, fmt::format("{}/{}", directory_, snapshot_file_name(id_))));
  return disk_->sync_directory(directory_);
}

base::Result<> SnapshotFile::discard() {
  file_.reset();
  return disk_->remove(path_);
}

base::Result<SnapshotWriter> SnapshotWriter::create(base::Disk& disk, const std::string& directory,
                                                    const OffsetAndEpoch& id,
                                                    SnapshotBuilder::Options options) {
  TRY_ASSIGN(auto file, SnapshotFile::create(disk, directory, id, "written"));
  return SnapshotWriter(std::move(file), std::move(options));
}

base::Result<> SnapshotWriter::add_batch(const std::vector<base::Bytes>& records) {
  TRY(builder_.add_batch(records));
  return file_.append(builder_.take());
}

base::Result<std::int64_t> SnapshotWriter::finish() {
  TRY_ASSIGN(const auto rest, builder_.finish());
  TRY(file_.append(rest));
  TRY(file_.sync());
  TRY(file_.publish());
  return file_.size_bytes();
}

}  // namespace penstock::raft
