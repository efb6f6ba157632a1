#include "broker/raft/snapshot.h"

#include <charconv>

#include <fmt/format.h>

#include "base/assert.h"
#include "kafka/codec.h"
#include "kafka/messages/snapshot_footer_record.h"
#include "kafka/messages/snapshot_header_record.h"
#include "kafka/record_batch_builder.h"

namespace penstock::raft {
namespace {

constexpr std::string_view kSuffix = ".checkpoint";
constexpr std::int64_t kSnapshotBytesMax = 1LL << 30;

template <typename Message>
base::Bytes encode_control(const Message& message) {
  base::ByteWriter writer;
  const auto encoded = kafka::encode(message, 0, writer);
  BASE_ASSERT(encoded.has_value(), "a control record encodes");
  return writer.take();
}

base::Result<bool> ends_in_footer(const kafka::RecordBatchView& batch) {
  kafka::Decompressor decompressor;
  TRY_ASSIGN(const auto bytes, batch.records(decompressor, 1 << 20));
  kafka::RecordCursor cursor(batch, bytes);
  kafka::Record record;
  bool is_footer = false;
  while (cursor.next(record)) is_footer = kafka::control_type(record) == kafka::ControlType::kSnapshotFooter;
  return is_footer;
}

kafka::RecordBatchOptions batch_options(Offset base_offset, LeaderEpoch epoch, bool is_control) {
  kafka::RecordBatchOptions options;
  options.base_offset = base_offset;
  options.leader_epoch = epoch;
  options.is_control = is_control;
  return options;
}

}  // namespace

std::string snapshot_file_name(const OffsetAndEpoch& id) {
  return fmt::format("{:020}-{:010}{}", id.offset.value(), id.epoch.value(), kSuffix);
}

std::optional<OffsetAndEpoch> parse_snapshot_file_name(std::string_view name) {
  if (name.size() != 31 + kSuffix.size() || !name.ends_with(kSuffix) || name[20] != '-') return std::nullopt;
  std::int64_t offset = -1;
  std::int32_t epoch = -1;
  const auto [offset_end, offset_error] = std::from_chars(name.data(), name.data() + 20, offset);
  const auto [epoch_end, epoch_error] = std::from_chars(name.data() + 21, name.data() + 31, epoch);
  if (offset_error != std::errc() || epoch_error != std::errc() || offset_end != name.data() + 20 ||
      epoch_end != name.data() + 31) {
    return std::nullopt;
  }
  return OffsetAndEpoch{Offset(offset), LeaderEpoch(epoch)};
}

base::Result<std::optional<OffsetAndEpoch>> find_latest_snapshot(base::Disk& disk,
                                                                 const std::string& directory) {
  std::optional<OffsetAndEpoch> latest;
  TRY_ASSIGN(const auto entries, disk.list(directory));
  for (const auto& entry : entries) {
    const auto id = parse_snapshot_file_name(entry.name);
    if (id && (!latest || *latest < *id)) latest = id;
  }
  return latest;
}

SnapshotBuilder::SnapshotBuilder(Options options) : options_(std::move(options)) {}

base::Result<> SnapshotBuilder::add_header() {
  has_header_ = true;
  kafka::SnapshotHeaderRecord header;
  header.last_contained_log_timestamp = options_.last_contained_log_timestamp_ms;
  kafka::RecordBatchBuilder builder(batch_options(next_offset_, options_.epoch, true));
  builder.append_control(options_.now_ms, kafka::ControlType::kSnapshotHeader, encode_control(header));
  if (options_.voters) {
    builder.append_control(options_.now_ms, kafka::ControlType::kKraftVersion,
                           encode_kraft_version(kKraftVersion));
    builder.append_control(options_.now_ms, kafka::ControlType::kKraftVoters,
                           encode_voters(*options_.voters));
  }
  next_offset_ = builder.next_offset();
  TRY_ASSIGN(const auto batch, builder.build());
  bytes_.insert(bytes_.end(), batch.begin(), batch.end());
  return {};
}

base::Result<> SnapshotBuilder::add_batch(const std::vector<base::Bytes>& records) {
  if (!has_header_) TRY(add_header());
  if (records.empty()) return {};
  kafka::RecordBatchBuilder builder(batch_options(next_offset_, options_.epoch, false));
  for (const auto& record : records) builder.append(options_.now_ms, std::nullopt, base::ByteSpan(record));
  next_offset_ = builder.next_offset();
  TRY_ASSIGN(const auto batch, builder.build());
  bytes_.insert(bytes_.end(), batch.begin(), batch.end());
  return {};
}

base::Result<base::Bytes> SnapshotBuilder::finish() {
  if (!has_header_) TRY(add_header());
  kafka::RecordBatchBuilder builder(batch_options(next_offset_, options_.epoch, true));
  builder.append_control(options_.now_ms, kafka::ControlType::kSnapshotFooter,
                         encode_control(kafka::SnapshotFooterRecord{}));
  TRY_ASSIGN(const auto batch, builder.build());
  bytes_.insert(bytes_.end(), batch.begin(), batch.end());
  return std::move(bytes_);
}

base::Result<> read_snapshot(base::Disk& disk, const std::string& path, QuorumRecords& quorum,
                             const std::function<base::Result<>(const kafka::RecordBatchView&)>& visit) {
  TRY_ASSIGN(const auto bytes, base::read_file(disk, path, kSnapshotBytesMax));
  const auto corrupt = [&](std::string_view why) {
    return base::fail(base::Errc::kCorrupt, fmt::format("{}: {}", path, why));
  };
  kafka::BatchCursor cursor(bytes);
  bool has_footer = false;
  while (true) {
    auto next = cursor.next();
    if (!next) return base::fail(next.error().context(path));
    if (!*next) break;
    const kafka::RecordBatchView& batch = **next;
    if (!batch.is_crc_valid()) return corrupt(fmt::format("wrong CRC at byte {}", cursor.position()));
    has_footer = false;
    if (batch.is_control()) {
      TRY(absorb_control_batch(batch, quorum));
      TRY_ASSIGN(has_footer, ends_in_footer(batch));
    } else {
      TRY(visit(batch));
    }
  }
  if (cursor.remaining() != 0 || !has_footer) return corrupt("the snapshot is cut off");
  return {};
}

}  // namespace penstock::raft
