// Finding offsets of a Log by time.
#include <fmt/format.h>

#include <algorithm>

#include "broker/storage/log_state.h"
#include "kafka/compression.h"
#include "kafka/record.h"

namespace penstock::storage {

namespace {

constexpr std::size_t kDecompressedBytesMax = 256 << 20;

// The first record of the batch that `is_match` accepts. ERRORS: kCorrupt.
template <typename Match>
base::Result<std::optional<TimestampOffset>> first_record(const kafka::RecordBatchView& batch,
                                                          Match is_match) {
  if (batch.compression_id() > 4)
    return base::fail(base::Errc::kCorrupt, fmt::format("batch at {}: no such codec", batch.base_offset()));
  kafka::Decompressor decompressor;
  TRY_ASSIGN(const base::ByteSpan records, batch.records(decompressor, kDecompressedBytesMax));
  kafka::RecordCursor cursor(batch, records);
  kafka::Record record;
  while (cursor.next(record)) {
    if (is_match(record)) return TimestampOffset{record.timestamp, record.offset, batch.leader_epoch()};
  }
  if (cursor.failed()) {
    return base::fail(base::Errc::kCorrupt,
                      fmt::format("batch at {}: {}", batch.base_offset(), cursor.failure()));
  }
  return std::nullopt;
}

// From the batch that holds `from` on: the first record that `is_match` accepts, in the first batch that
// `is_candidate` accepts and that has one.
template <typename Candidate, typename Match>
base::Result<std::optional<TimestampOffset>> search(LogState& s, const Segment& segment, Offset from,
                                                    Candidate is_candidate, Match is_match) {
  TRY_ASSIGN(const auto file, s.file_of(segment));
  TRY_ASSIGN(const std::int64_t start, s.scan_start(segment, from));
  BatchScanner scanner(*file, start, segment.size_bytes, BatchScanner::kScanBytes);
  while (true) {
    TRY_ASSIGN(const auto header, scanner.next());
    if (!header) return std::nullopt;
    if (header->last_offset() < from || !is_candidate(*header)) continue;
    TRY_ASSIGN(const auto batch, scanner.whole());
    TRY_ASSIGN(const auto found, first_record(batch, is_match));
    if (found) return found;
  }
}

}  // namespace

base::Result<std::optional<TimestampOffset>> Log::offset_for_timestamp(std::int64_t timestamp) {
  LogState& s = *state_;
  for (auto& [base, segment] : s.segments) {
    if (segment.size_bytes == 0) continue;
    TRY(s.load_max_timestamp(segment));
    if (segment.max_timestamp < timestamp) continue;
    Offset from = s.active.times.lookup(timestamp);
    if (&segment != &s.active_segment()) {
      TRY_ASSIGN(const TimeIndex times, s.load_times(segment));
      from = times.lookup(timestamp);
    }
    from = std::max(from, s.log_start);
    TRY_ASSIGN(const auto found,
               search(
                   s, segment, from,
                   [&](const kafka::RecordBatchView& batch) { return batch.max_timestamp() >= timestamp; },
                   [&](const kafka::Record& record) {
                     return record.timestamp >= timestamp && record.offset >= s.log_start;
                   }));
    if (found) return found;
  }
  return std::nullopt;
}

base::Result<std::optional<TimestampOffset>> Log::offset_of_max_timestamp() {
  LogState& s = *state_;
  Segment* latest = nullptr;
  for (auto& [base, segment] : s.segments) {
    if (segment.size_bytes == 0) continue;
    TRY(s.load_max_timestamp(segment));
    if (latest == nullptr || segment.max_timestamp > latest->max_timestamp) latest = &segment;
  }
  if (latest == nullptr || latest->max_timestamp < 0) return std::nullopt;
  const std::int64_t wanted = latest->max_timestamp;
  return search(
      s, *latest, std::max(latest->max_timestamp_offset, latest->base),
      [&](const kafka::RecordBatchView& batch) { return batch.max_timestamp() == wanted; },
      [&](const kafka::Record& record) { return record.timestamp == wanted; });
}

}  // namespace penstock::storage
