#include "broker/raft/snapshot.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "broker/raft/control_record.h"
#include "broker/storage/batch_scanner.h"
#include "kafka/codec.h"
#include "kafka/messages/snapshot_footer_record.h"
#include "kafka/messages/snapshot_header_record.h"
#include "kafka/record_batch_builder.h"

namespace penstock::raft {
namespace {

constexpr std::string_view kSuffix = ".checkpoint";
constexpr std::string_view kPart = ".part";
constexpr std::string_view kDeleted = ".deleted";
constexpr std::int64_t kBatchBytesMax = 64 << 20;
constexpr std::size_t kControlBytesMax = 1 << 20;

// The next whole batch of a snapshot file; nullopt at its end.
base::Result<std::optional<kafka::RecordBatchView>> next_batch(storage::BatchScanner& scanner,
                                                               const std::string& path) {
  const auto corrupt = [&](std::string_view why) {
    return base::fail(base::Errc::kCorrupt, fmt::format("{}: {} at byte {}", path, why, scanner.position()));
  };
  TRY_ASSIGN(const auto header, scanner.next());
  if (!header) return std::nullopt;
  if (static_cast<std::int64_t>(header->size_bytes()) > kBatchBytesMax) return corrupt("too large a batch");
  TRY_ASSIGN(const auto whole, scanner.whole());
  if (!whole.is_crc_valid()) return corrupt("wrong CRC");
  return whole;
}

base::Result<bool> ends_in_footer(const kafka::RecordBatchView& batch) {
  kafka::Decompressor decompressor;
  TRY_ASSIGN(const auto bytes, batch.records(decompressor, kControlBytesMax));
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

std::string snapshot_part_name(const OffsetAndEpoch& id, std::string_view purpose) {
  return fmt::format("{:020}-{:010}-{}{}{}", id.offset.value(), id.epoch.value(), purpose, kSuffix, kPart);
}

bool is_snapshot_litter(std::string_view name) {
  return name.ends_with(std::string(kSuffix) + std::string(kPart)) ||
         name.ends_with(std::string(kSuffix) + std::string(kDeleted));
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
  return take();
}

base::Result<> read_snapshot(base::Disk& disk, const std::string& path, QuorumRecords& quorum,
                             const std::function<base::Result<>(const kafka::RecordBatchView&)>& visit) {
  TRY_ASSIGN(const auto file, disk.open(path, base::OpenMode::kRead));
  TRY_ASSIGN(const std::int64_t size, file->size());
  storage::BatchScanner scanner(*file, 0, size, storage::BatchScanner::kScanBytes);
  bool has_footer = false;
  while (true) {
    TRY_ASSIGN(const auto batch, next_batch(scanner, path));
    if (!batch) break;
    has_footer = false;
    if (batch->is_control()) {
      TRY(absorb_control_batch(*batch, quorum));
      TRY_ASSIGN(has_footer, ends_in_footer(*batch));
    } else if (auto visited = visit(*batch); !visited) {
      return base::fail(visited.error().context(path));
    }
  }
  if (!has_footer) return base::fail(base::Errc::kCorrupt, fmt::format("{}: the snapshot is cut off", path));
  return {};
}

base::Result<std::int64_t> read_snapshot_timestamp(base::Disk& disk, const std::string& path) {
  TRY_ASSIGN(const auto file, disk.open(path, base::OpenMode::kRead));
  TRY_ASSIGN(const std::int64_t size, file->size());
  storage::BatchScanner scanner(*file, 0, size, storage::BatchScanner::kLookupBytes);
  TRY_ASSIGN(const auto batch, next_batch(scanner, path));
  if (batch && batch->is_control()) {
    kafka::Decompressor decompressor;
    TRY_ASSIGN(const auto bytes, batch->records(decompressor, kControlBytesMax));
    kafka::RecordCursor cursor(*batch, bytes);
    kafka::Record record;
    if (cursor.next(record) && kafka::control_type(record) == kafka::ControlType::kSnapshotHeader &&
        record.value) {
      base::ByteReader reader(*record.value);
      TRY_ASSIGN(const auto header, kafka::decode<kafka::SnapshotHeaderRecord>(reader, 0));
      return header.last_contained_log_timestamp;
    }
  }
  return base::fail(base::Errc::kCorrupt, fmt::format("{}: the snapshot has no header", path));
}

base::Result<base::Bytes> read_snapshot_piece(base::Disk& disk, const std::string& path,
                                              std::int64_t position, std::size_t bytes_max) {
  TRY_ASSIGN(const auto file, disk.open(path, base::OpenMode::kRead));
  TRY_ASSIGN(const std::int64_t size, file->size());
  if (position < 0 || position >= size) return base::Bytes();
  base::Bytes bytes(std::min(bytes_max, static_cast<std::size_t>(size - position)));
  TRY_ASSIGN(const std::size_t got, file->read_at(position, bytes));
  bytes.resize(got);
  return bytes;
}

}  // namespace penstock::raft
