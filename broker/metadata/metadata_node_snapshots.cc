// Snapshots of the metadata: written when they are due.
#include <utility>

#include "base/log.h"
#include "broker/metadata/metadata_node.h"

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

}  // namespace penstock::metadata
