#include "broker/raft/snapshot_store.h"

#include <fmt/format.h>

#include "base/log.h"
#include "broker/raft/snapshot.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");

base::Result<SnapshotInfo> look_at(base::Disk& disk, const std::string& path) {
  SnapshotInfo info;
  TRY_ASSIGN(const auto file, disk.open(path, base::OpenMode::kRead));
  TRY_ASSIGN(info.size_bytes, file->size());
  if (const auto timestamp = read_snapshot_timestamp(disk, path)) {
    info.last_timestamp_ms = *timestamp;
  } else {
    log.warn("{}; it is kept whatever its age", timestamp.error().what());
  }
  return info;
}

}  // namespace

base::Result<SnapshotStore> SnapshotStore::recover(base::Disk& disk, const std::string& directory,
                                                   Offset log_start) {
  SnapshotStore store;
  std::vector<std::string> unneeded;
  TRY_ASSIGN(const auto entries, disk.list(directory));
  for (const auto& entry : entries) {
    const std::string path = directory + "/" + entry.name;
    const auto id = parse_snapshot_file_name(entry.name);
    if (is_snapshot_litter(entry.name) || (id && id->offset < log_start)) unneeded.push_back(path);
    if (!id || id->offset < log_start) continue;
    TRY_ASSIGN(const auto info, look_at(disk, path));
    store.add(*id, info);
  }
  if (log_start > Offset(0) && store.is_empty()) {
    return base::fail(base::Errc::kCorrupt,
                      fmt::format("{}: the log begins at offset {}, and no snapshot has what came before",
                                  directory, log_start));
  }
  for (const std::string& path : unneeded) {
    log.info("removing {}", path);
    TRY(disk.remove(path));
  }
  return store;
}

std::optional<OffsetAndEpoch> SnapshotStore::earliest() const {
  return snapshots_.empty() ? std::nullopt : std::optional(snapshots_.begin()->first);
}

std::optional<OffsetAndEpoch> SnapshotStore::latest() const {
  return snapshots_.empty() ? std::nullopt : std::optional(snapshots_.rbegin()->first);
}

const SnapshotInfo* SnapshotStore::find(const OffsetAndEpoch& id) const {
  const auto found = snapshots_.find(id);
  return found == snapshots_.end() ? nullptr : &found->second;
}

std::vector<OffsetAndEpoch> SnapshotStore::forget_before(const OffsetAndEpoch& id) {
  std::vector<OffsetAndEpoch> forgotten;
  while (!snapshots_.empty() && snapshots_.begin()->first < id) {
    forgotten.push_back(snapshots_.begin()->first);
    snapshots_.erase(snapshots_.begin());
  }
  return forgotten;
}

std::optional<OffsetAndEpoch> SnapshotStore::next_oldest(const SnapshotRetention& retention,
                                                         std::int64_t log_bytes, std::int64_t now_ms) const {
  if (snapshots_.size() < 2) return std::nullopt;
  std::int64_t bytes = log_bytes;
  for (const auto& [id, info] : snapshots_) bytes += info.size_bytes;
  const auto oldest = snapshots_.begin();
  const bool is_too_large = retention.bytes >= 0 && bytes > retention.bytes;
  const bool is_too_old = retention.ms >= 0 && oldest->second.last_timestamp_ms &&
                          now_ms - *oldest->second.last_timestamp_ms > retention.ms;
  if (!is_too_large && !is_too_old) return std::nullopt;
  return std::next(oldest)->first;
}

}  // namespace penstock::raft
