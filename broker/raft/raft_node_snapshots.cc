// The node's snapshots on disk.
#include <utility>

#include "base/aio/sleep.h"
#include "base/assert.h"
#include "base/log.h"
#include "broker/raft/raft_node.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");

base::Result<std::int64_t> write_file(base::Disk& disk, const std::string& directory,
                                      const OffsetAndEpoch& id, SnapshotBuilder::Options options,
                                      WriteState& write) {
  TRY_ASSIGN(auto writer, SnapshotWriter::create(disk, directory, id, std::move(options)));
  auto written = write(writer);
  auto size = written ? writer.finish() : base::Result<std::int64_t>(base::fail(written.error()));
  if (!size) (void)writer.discard();
  return size;
}

}  // namespace

std::string RaftNode::snapshot_path() const {
  const auto latest = snapshot();
  return latest ? log_->snapshot_path(*latest) : std::string();
}

aio::Task<base::Result<bool>> RaftNode::write_snapshot(OffsetAndEpoch id, std::int64_t last_timestamp_ms,
                                                       WriteState write) {
  BASE_ASSERT(id.offset <= high_watermark(), "a snapshot is of committed records");
  if (is_stopped_ || id.offset < log_->start_offset() || log_->snapshots().find(id) != nullptr) {
    co_return false;
  }
  SnapshotBuilder::Options options;
  options.epoch = id.epoch;
  options.now_ms = options_.reactor->wall_ms();
  options.last_contained_log_timestamp_ms = last_timestamp_ms;
  options.voters = log_->history().at(id.offset).voters;
  base::Disk* disk = options_.disk;
  const std::string directory = options_.directory;
  auto work = [&] { return write_file(*disk, directory, id, std::move(options), write); };
  const auto size = co_await aio::run_blocking(*options_.reactor, std::move(work));
  if (!size) co_return base::fail(size.error());
  if (id.offset < log_->start_offset()) {
    // Meanwhile the log begins behind it.
    auto remove = [disk, path = log_->snapshot_path(id)] { return disk->remove(path); };
    (void)co_await aio::run_blocking(*options_.reactor, std::move(remove));
    co_return false;
  }
  log_->add_snapshot(id, {.size_bytes = *size, .last_timestamp_ms = last_timestamp_ms});
  log.info("snapshot {} of {} bytes", snapshot_file_name(id), *size);
  co_return true;
}

}  // namespace penstock::raft
