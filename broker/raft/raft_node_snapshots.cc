// The node's snapshots on disk.
#include <utility>

#include "base/aio/sleep.h"
#include "base/assert.h"
#include "base/log.h"
#include "broker/raft/raft_node.h"
#include "broker/raft/snapshot.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");
// As Kafka's cleaner.
constexpr base::Duration kCleaningInterval = base::seconds(60);

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
  if (is_stopped_ || id.offset < log_->start_offset() || log_->snapshot_bytes(id)) {
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

void RaftNode::arm_cleaning() {
  if (is_stopped_) return;
  clean_timer_ = options_.reactor->call_after(
      kCleaningInterval, [this] { aio::spawn(gate_, "clean the metadata log", clean()); });
}

aio::Task<> RaftNode::clean() {
  auto jobs = log_->clean(options_.retention, options_.reactor->wall_ms());
  if (!jobs) {
    fail(jobs.error().context("clean the metadata log"));
    co_return;
  }
  auto run = [left = std::move(*jobs)]() mutable -> base::Result<> {
    for (auto& job : left) TRY(job.run());
    return {};
  };
  const auto done = co_await aio::run_blocking(*options_.reactor, std::move(run));
  if (!done) log.error("clean the metadata log: {}", done.error().what());
  arm_cleaning();
}

aio::Task<> RaftNode::send_piece(SendPiece piece) {
  SnapshotAnswer answer = std::move(piece.answer);
  if (pieces_being_sent_ >= kPiecesMax) {
    answer.refusal = Refusal::kUnavailable;
  } else {
    ++pieces_being_sent_;
    auto read = [disk = options_.disk, path = log_->snapshot_path(answer.snapshot), at = answer.position,
                 bytes_max = piece.bytes_max] { return read_snapshot_piece(*disk, path, at, bytes_max); };
    auto bytes = co_await aio::run_blocking(*options_.reactor, std::move(read));
    --pieces_being_sent_;
    if (bytes && !bytes->empty()) {
      answer.piece = std::move(*bytes);
    } else {
      // Removed in this moment.
      answer.refusal = Refusal::kNoSnapshot;
      if (!bytes) log.warn("{}", bytes.error().what());
    }
  }
  if (!is_stopped_) send(piece.to, std::move(answer));
}

void RaftNode::take_piece(TakePiece piece) {
  piece_ = std::move(piece);
  if (!std::exchange(is_piece_work_running_, true)) aio::spawn(gate_, "take a snapshot", run_piece_work());
}

void RaftNode::drop_pieces() {
  is_drop_wanted_ = true;
  if (!std::exchange(is_piece_work_running_, true)) aio::spawn(gate_, "drop a snapshot", run_piece_work());
}

aio::Task<> RaftNode::run_piece_work() {
  while ((piece_ || is_drop_wanted_) && !is_stopped_) {
    if (piece_) {
      TakePiece piece = std::move(*piece_);
      piece_.reset();
      const base::Result<> done = co_await write_piece(std::move(piece));
      if (is_stopped_) break;
      core_->piece_taken(options_.reactor->now(), done);
      pump();
    } else {
      is_drop_wanted_ = false;
      if (download_ == nullptr) continue;
      auto drop = [file = std::move(download_)] { return file->discard(); };
      const auto dropped = co_await aio::run_blocking(*options_.reactor, std::move(drop));
      if (!dropped) log.warn("{}", dropped.error().what());
    }
  }
  is_piece_work_running_ = false;
}

aio::Task<base::Result<>> RaftNode::write_piece(TakePiece piece) {
  if (piece.position == 0) {
    // What is left of an earlier download goes with its file.
    is_drop_wanted_ = false;
    auto create = [disk = options_.disk, directory = options_.directory, id = piece.snapshot,
                   old = std::move(download_)]() -> base::Result<SnapshotFile> {
      if (old != nullptr) TRY(old->discard());
      return SnapshotFile::create(*disk, directory, id, "fetched");
    };
    auto created = co_await aio::run_blocking(*options_.reactor, std::move(create));
    if (!created) co_return base::fail(created.error());
    download_ = std::make_unique<SnapshotFile>(std::move(*created));
    log.info("fetching snapshot {} from the leader", snapshot_file_name(piece.snapshot));
  }
  BASE_ASSERT(
      download_ != nullptr && download_->id() == piece.snapshot && download_->size_bytes() == piece.position,
      "pieces are taken in their order");
  auto append = [file = download_.get(), bytes = std::move(piece.piece)] { return file->append(bytes); };
  const auto appended = co_await aio::run_blocking(*options_.reactor, std::move(append));
  if (!appended || !piece.is_last) co_return appended;
  co_return co_await finish_download();
}

aio::Task<base::Result<>> RaftNode::finish_download() {
  struct Found {
    QuorumRecords quorum{};
    std::optional<std::int64_t> timestamp{};
  };
  const OffsetAndEpoch id = download_->id();
  const std::int64_t size = download_->size_bytes();
  auto finish = [disk = options_.disk, file = std::move(download_)]() -> base::Result<Found> {
    Found found;
    const auto ignore = [](const kafka::RecordBatchView&) -> base::Result<> { return {}; };
    auto read = read_snapshot(*disk, file->path(), found.quorum, ignore);
    auto timestamp = read ? read_snapshot_timestamp(*disk, file->path()) : base::Result<std::int64_t>(0);
    if (!read || !timestamp) {
      (void)file->discard();
      return base::fail(read ? timestamp.error() : read.error());
    }
    found.timestamp = *timestamp;
    TRY(file->sync());
    TRY(file->publish());
    return found;
  };
  auto found = co_await aio::run_blocking(*options_.reactor, std::move(finish));
  if (!found) {
    log.error("what the leader sent as snapshot {}: {}", snapshot_file_name(id), found.error().what());
    co_return base::fail(found.error());
  }
  log.info("fetched snapshot {} of {} bytes", snapshot_file_name(id), size);
  if (id.offset < log_->start_offset()) {
    // Meanwhile the log begins behind it.
    auto remove = [disk = options_.disk, path = log_->snapshot_path(id)] { return disk->remove(path); };
    co_return co_await aio::run_blocking(*options_.reactor, std::move(remove));
  }
  log_->add_fetched_snapshot(id, {.size_bytes = size, .last_timestamp_ms = found->timestamp},
                             std::move(found->quorum));
  co_return base::Result<>();
}

}  // namespace penstock::raft
