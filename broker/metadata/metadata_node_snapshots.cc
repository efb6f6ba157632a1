// Snapshots of the metadata: written when they are due, and loaded when the log begins anew at one.
#include <utility>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/metadata/batch_replay.h"
#include "broker/metadata/features.h"
#include "broker/metadata/metadata_node.h"
#include "broker/raft/snapshot.h"

namespace penstock::metadata {
namespace {

constexpr base::Logger log("metadata");
// Of one batch of a snapshot.
constexpr std::size_t kBatchRecordsMax = 1024;
constexpr std::size_t kBatchBytesMax = 1 << 20;

base::Result<> write_image(const MetadataImage& image, raft::SnapshotWriter& writer) {
  std::vector<base::Bytes> batch;
  std::size_t bytes = 0;
  const auto take = [&](const Record& record) -> base::Result<> {
    batch.push_back(encode_record(record));
    bytes += batch.back().size();
    if (batch.size() < kBatchRecordsMax && bytes < kBatchBytesMax) return {};
    bytes = 0;
    return writer.add_batch(std::exchange(batch, {}));
  };
  TRY(ImageBuilder::take_apart(image, take));
  return writer.add_batch(batch);
}

}  // namespace

void MetadataNode::write_snapshot_if_due() {
  const base::MonoTime now = options_.reactor->now();
  if (is_writing_snapshot_ || is_failed_ || !snapshot_schedule_.is_due(now)) return;
  // Half a transaction is in no image, but the offset would be behind it.
  if (!controller_.is_active() && committed_.is_in_transaction()) return;
  snapshot_schedule_.restart(now);
  is_writing_snapshot_ = true;
  aio::spawn(gate_, "metadata snapshot", write_snapshot(images_.current(), last_timestamp_ms_));
}

aio::Task<> MetadataNode::write_snapshot(ImagePtr image, std::int64_t last_timestamp_ms) {
  const raft::OffsetAndEpoch id{image->last_offset() + 1, image->last_epoch()};
  auto write = [image](raft::SnapshotWriter& writer) { return write_image(*image, writer); };
  const auto written = co_await raft_->write_snapshot(id, last_timestamp_ms, std::move(write));
  is_writing_snapshot_ = false;
  // The log has everything still.
  if (!written) log.error("snapshot of the metadata at offset {}: {}", id.offset, written.error().what());
}

void MetadataNode::on_snapshot(const raft::OffsetAndEpoch& id) {
  if (is_failed_) return;
  const bool is_loading = loading_.has_value();
  loading_ = id;
  if (!is_loading) aio::spawn(gate_, "load snapshot", load_snapshots());
}

aio::Task<> MetadataNode::load_snapshots() {
  while (loading_) {
    const raft::OffsetAndEpoch id = *loading_;
    const bool is_loaded = co_await load_snapshot(id);
    if (!is_loaded || is_failed_) co_return;
    if (loading_ == id) loading_.reset();
  }
  follow_log(raft_->high_watermark());
  if (const auto epoch = std::exchange(activation_, std::nullopt); epoch && !is_failed_) activate(*epoch);
}

aio::Task<bool> MetadataNode::load_snapshot(raft::OffsetAndEpoch id) {
  struct Loaded {
    MetadataImage image;
    std::int64_t last_timestamp_ms = 0;
  };
  // Decoded where nothing waits for it.
  auto read = [disk = options_.disk, path = raft_->snapshot_path(), id]() -> base::Result<Loaded> {
    ImageBuilder builder;
    raft::QuorumRecords quorum;
    const auto replay = [&](const kafka::RecordBatchView& batch) { return replay_batch(batch, builder); };
    TRY(raft::read_snapshot(*disk, path, quorum, replay));
    TRY(check_features(builder.image()));
    builder.set_position(id.offset - 1, id.epoch);
    TRY_ASSIGN(const auto timestamp, raft::read_snapshot_timestamp(*disk, path));
    return Loaded{builder.image(), timestamp};
  };
  const auto loaded = co_await aio::run_blocking(*options_.reactor, std::move(read));
  if (is_failed_) co_return false;
  if (loading_ != id) co_return true;  // The log begins at another by now.
  if (!loaded) {
    fail(loaded.error().context("load a snapshot of the metadata"));
    co_return false;
  }
  committed_.become(loaded->image);
  next_to_replay_ = id.offset;
  last_timestamp_ms_ = loaded->last_timestamp_ms;
  snapshot_schedule_.restart(options_.reactor->now());
  log.info("the metadata is as of snapshot {}", raft::snapshot_file_name(id));
  co_return true;
}

}  // namespace penstock::metadata
