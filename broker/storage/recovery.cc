// Opening a LogState: what is on disk, and after a crash how much of it is whole.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "broker/storage/log_state.h"
#include "kafka/record_validation.h"

namespace penstock::storage {

namespace {

using base::Errc;

constexpr base::Logger log("storage");
constexpr std::int64_t kSideFileBytesMax = 64 << 20;
// How far behind a bad batch a good one is looked for.
constexpr std::int64_t kResyncBytesMax = 16 << 20;
// What may be checksummed for it: bytes that a client chose may look like the begin of a batch at every
// place.
constexpr std::int64_t kResyncWorkMax = 256 << 20;
// How much of the log below a producer snapshot is read again.
constexpr std::int64_t kRecallBytes = 1 << 20;
constexpr int kRecallSegmentsMax = 64;

bool strip_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

// Whether a whole, valid batch begins somewhere in [from, end): then the bad bytes before it are damage and
// not a torn tail.
base::Result<bool> has_valid_batch(base::File& file, std::int64_t from, std::int64_t end) {
  base::Bytes bytes(static_cast<std::size_t>(std::min(end - from, kResyncBytesMax)));
  TRY_ASSIGN(const std::size_t got, file.read_at(from, bytes));
  const base::ByteSpan all(bytes.data(), got);
  std::int64_t work = 0;
  for (std::size_t at = 1; at + kafka::kBatchHeaderBytes <= got && work < kResyncWorkMax; ++at) {
    if (all[at + kafka::kBatchMagicAt] != kafka::kBatchMagic) continue;
    const auto batch = kafka::RecordBatchView::parse(all.subspan(at));
    if (!batch) continue;
    if (batch->is_crc_valid()) return true;
    work += static_cast<std::int64_t>(batch->size_bytes());
  }
  return false;
}

}  // namespace

base::Result<> LogState::load() {
  TRY(disk.create_directories(options.directory));
  TRY(load_file_names());
  log_start = options.log_start_offset;
  recovery_point = options.recovery_point;
  TRY(load_epochs());
  if (segments.empty()) {
    TRY(create_active(log_start, 0));
    log_end = log_start;
  } else {
    TRY(recover_segments());
  }
  log_start = std::max(log_start, segments.begin()->first);
  if (log_end < log_start) {
    TRY(remove_segments(segments.begin(), segments.end()));
    TRY(create_active(log_start, 0));
    log_end = log_start;
  }
  recovery_point = options.is_clean && report.was_clean ? log_end : std::min(recovery_point, log_end);
  high_watermark = std::clamp(options.high_watermark, log_start, log_end);
  bool has_changed = epochs.truncate_from_end(log_end);
  has_changed |= epochs.truncate_from_start(log_start);
  if (has_changed || epochs_version > 0) epochs_changed();
  if (!options.has_producer_state) return {};
  TRY(rebuild_producers(recovery_point));
  producers.on_high_watermark(high_watermark);
  return {};
}

base::Result<> LogState::load_file_names() {
  TRY_ASSIGN(const auto entries, disk.list(options.directory));
  std::set<std::string> side_files;
  for (const auto& entry : entries) {
    std::string_view name = entry.name;
    const std::string full = options.directory + "/" + entry.name;
    if (entry.is_directory) continue;
    if (name.ends_with(".deleted") || name.ends_with(".cleaned") || name.ends_with(".tmp")) {
      TRY(disk.remove(full));
    } else if (name.ends_with(".swap")) {
      return base::fail(Errc::kUnsupported,
                        fmt::format("{}: an interrupted compaction; Kafka must finish it first", full));
    } else if (strip_suffix(name, ".log")) {
      TRY_ASSIGN(const Offset base, parse_segment_file_name(name));
      TRY_ASSIGN(auto file, disk.open(full, base::OpenMode::kRead));
      Segment& segment = segments[base];
      segment.base = base;
      TRY_ASSIGN(segment.size_bytes, file->size());
    } else if (strip_suffix(name, ".snapshot")) {
      TRY_ASSIGN(const Offset offset, parse_segment_file_name(name));
      snapshots.push_back(offset);
    } else if (name.ends_with("index")) {
      side_files.insert(entry.name);
    }
  }
  std::sort(snapshots.begin(), snapshots.end());
  for (const std::string& name : side_files) {
    auto base = parse_segment_file_name(std::string_view(name).substr(0, name.find('.')));
    if (!base || !segments.contains(*base)) TRY(disk.remove(options.directory + "/" + name));
  }
  return {};
}

base::Result<> LogState::load_epochs() {
  const std::string name = options.directory + "/leader-epoch-checkpoint";
  if (!disk.exists(name)) return {};
  TRY_ASSIGN(const base::Bytes content, base::read_file(disk, name, kSideFileBytesMax));
  auto decoded = LeaderEpochCache::decode(base::as_text(content));
  if (decoded) {
    epochs = std::move(*decoded);
    return {};
  }
  // It is written atomically, so this is damage; the batches say the same.
  log.warn("{}: {}; rebuilding it from the log", name, decoded.error().what());
  for (auto& [base, segment] : segments) {
    TRY_ASSIGN(auto file, disk.open(path(base, ".log"), base::OpenMode::kRead));
    BatchScanner scanner(*file, 0, segment.size_bytes, BatchScanner::kScanBytes);
    for (auto batch = scanner.next(); batch && *batch; batch = scanner.next())
      epochs.assign((*batch)->leader_epoch(), (*batch)->base_offset());
  }
  epochs_changed();
  return {};
}

// Makes every segment from the recovery point on active in turn, and scans it. A bad batch ends the log
// there.
base::Result<> LogState::recover_segments() {
  const bool is_clean = options.is_clean;
  report.was_clean = is_clean;
  // From the last flushed batch on: if its segment was cut just before the crash, the cut may not have
  // lasted.
  auto at = is_clean ? std::prev(segments.end()) : segment_of(std::max(recovery_point - 1, Offset{0}));
  std::map<Offset, Segment> later(std::next(at), segments.end());
  segments.erase(std::next(at), segments.end());
  log_end = at->first;
  while (true) {
    const bool is_last = later.empty();
    TRY(recover_active_end(is_last ? Offset{INT64_MAX} : later.begin()->first));
    if (is_last && report.bad_position < 0) return {};
    if (report.bad_position < 0) check_gap(later.begin()->first);
    if (report.bad_position >= 0) break;
    unflushed.push_back(sealed_active());
    TRY(unflushed.back().write_indexes->run());
    auto next = later.extract(later.begin());
    log_end = next.key();
    segments.insert(std::move(next));
  }
  if (later.empty()) return {};
  for (const auto& [base, segment] : later) {
    report.dropped_bytes += segment.size_bytes;
    report.is_mid_log |= segment.size_bytes > 0;
  }
  log.error("{}: segments from {} on are dropped: they come after a bad batch", options.directory,
            later.begin()->first);
  for (auto& [base, segment] : later) segments[base] = segment;
  TRY(remove_segments(segments.find(later.begin()->first), segments.end()));
  // A second crash must not bring them back behind what is appended from now on.
  return disk.sync_directory(options.directory);
}

// The last batches of a segment may be lost although the next segment is there. Only compaction leaves holes.
void LogState::check_gap(Offset next_base) {
  if (log_end >= next_base || next_base <= recovery_point || config.is_compacted) return;
  report.bad_file = active.file->path();
  report.bad_position = active_segment().size_bytes;
  report.reason = fmt::format("the segment ends at offset {} and the next begins at {}", log_end, next_base);
}

// The active segment's indexes and the log's end, from its files.
base::Result<> LogState::recover_active_end(Offset limit) {
  Segment& segment = active_segment();
  const std::string log_path = path(segment.base, ".log");
  TRY_ASSIGN(auto file, disk.open(log_path, base::OpenMode::kReadWrite));
  active = {.file = std::move(file), .offsets = OffsetIndex(segment.base), .times = TimeIndex(segment.base)};
  active.preallocated = active.written_back = segment.size_bytes;
  auto offsets = base::read_file(disk, path(segment.base, ".index"), kSideFileBytesMax);
  auto times = base::read_file(disk, path(segment.base, ".timeindex"), kSideFileBytesMax);
  if (offsets && times) {
    active.offsets = OffsetIndex::decode(segment.base, *offsets, segment.size_bytes);
    active.times = TimeIndex::decode(segment.base, *times);
  }
  // What was not flushed is checked whatever an index says of it.
  if (!options.is_clean) active.offsets.truncate_to(recovery_point);
  std::int64_t from = 0;
  if (!active.offsets.is_empty()) {
    from = active.offsets.last_position();
    BatchScanner probe(*active.file, from, segment.size_bytes, BatchScanner::kLookupBytes);
    const auto batch = probe.next();
    if (!batch || !*batch || (*batch)->last_offset() != active.offsets.last_offset()) {
      log.warn("{}: the index does not fit the log; rebuilding it", log_path);
      active.offsets = OffsetIndex(segment.base);
      from = 0;
    }
  }
  // The batch of the last entry is scanned again; entries of both indexes from it on come back in the scan.
  if (from > 0) {
    active.times.truncate_to(active.offsets.last_offset() + 1);
  } else {
    active.times = TimeIndex(segment.base);
  }
  segment.max_timestamp = active.times.last_timestamp();
  segment.max_timestamp_offset = active.times.last_offset();
  segment.is_max_timestamp_known = true;
  BatchScanner first(*active.file, 0, segment.size_bytes, BatchScanner::kLookupBytes);
  if (const auto batch = first.next(); batch && *batch) active.first_timestamp = (*batch)->max_timestamp();
  return scan_active(from, limit);
}

base::Result<> LogState::scan_active(std::int64_t from, Offset limit) {
  const bool is_crc_checked = !options.is_clean;
  Segment& segment = active_segment();
  BatchScanner scanner(*active.file, from, segment.size_bytes,
                       is_crc_checked ? BatchScanner::kScanBytes : BatchScanner::kLookupBytes);
  active.bytes_since_index = 0;
  Offset expected = segment.base;
  while (true) {
    const auto header = scanner.next();
    if (!header) {
      if (header.error().code() == Errc::kIo) return base::fail(header.error());
      return cut_active(scanner.position(), header.error().what());
    }
    if (!*header) break;
    kafka::RecordBatchView batch = **header;
    if (batch.base_offset() < expected || batch.last_offset() >= limit ||
        batch.last_offset() - segment.base > INT32_MAX) {
      return cut_active(scanner.position(), fmt::format("offset {} is out of order", batch.base_offset()));
    }
    if (is_crc_checked) {
      TRY_ASSIGN(batch, scanner.whole());
      if (auto sound = kafka::check_batch(batch); !sound)
        return cut_active(scanner.position(), sound.error().what());
      report.scanned_bytes += static_cast<std::int64_t>(batch.size_bytes());
    }
    if (scanner.position() == from && from > 0) {
      note_timestamp(batch);  // Its index entry is there already.
      active.bytes_since_index = static_cast<std::int64_t>(batch.size_bytes());
    } else {
      index_batch(batch, scanner.position());
    }
    if (epochs.assign(batch.leader_epoch(), batch.base_offset())) ++epochs_version;
    log_end = expected = batch.next_offset();
  }
  return {};
}

base::Result<> LogState::cut_active(std::int64_t position, const std::string& reason) {
  Segment& segment = active_segment();
  report.was_clean = false;
  report.bad_file = active.file->path();
  report.bad_position = position;
  report.reason = reason;
  report.dropped_bytes += segment.size_bytes - position;
  TRY_ASSIGN(const bool is_damage, has_valid_batch(*active.file, position, segment.size_bytes));
  report.is_mid_log |= is_damage;
  if (report.is_mid_log) {
    log.error("{} at {}: {}; valid batches lie behind it and are dropped with it ({} bytes)", report.bad_file,
              position, reason, report.dropped_bytes);
  } else {
    log.warn("{} at {}: {}; dropping the torn tail of {} bytes", report.bad_file, position, reason,
             report.dropped_bytes);
  }
  TRY(active.file->truncate(position));
  segment.size_bytes = position;
  TRY(active.file->sync());
  TRY(remove_index_files(segment.base));
  return disk.sync_directory(options.directory);
}

base::Result<> LogState::rebuild_producers(Offset snapshot_max) {
  producers.clear();
  const Offset first = segments.begin()->first;
  Offset from = first;
  std::sort(snapshots.begin(), snapshots.end());
  while (!snapshots.empty()) {
    const Offset newest = snapshots.back();
    const std::string name = path(newest, ".snapshot");
    // With batches missing between it and the log, a snapshot would make producers look out of sequence.
    if (newest >= first && newest <= snapshot_max && newest <= log_end) {
      auto content = base::read_file(disk, name, kSideFileBytesMax);
      auto loaded = content ? producers.load_snapshot(*content, newest) : base::fail(content.error());
      if (loaded) {
        from = newest;
        // Without it a repeated batch may be refused, but nothing is lost: no reason to keep the log closed.
        if (auto recalled = recall_producers(newest); !recalled)
          log.warn("{}: batches below it are not known: {}", name, recalled.error().what());
        break;
      }
      if (disk.exists(name)) log.warn("{}: {}; using an older one", name, loaded.error().what());
    }
    TRY(disk.remove(name));
    is_directory_dirty = true;  // It must not come back once the recovery point is above it.
    snapshots.pop_back();
  }
  TRY(replay_producers(from));
  producers.set_end_offset(log_end);
  return {};
}

// Reads the last kRecallBytes below the snapshot, of at most kRecallSegmentsMax segments.
base::Result<> LogState::recall_producers(Offset snapshot) {
  if (producers.size() == 0 || snapshot <= segments.begin()->first) return {};
  auto at = segment_of(snapshot - 1);
  TRY_ASSIGN(std::int64_t size, scan_start(at->second, snapshot));
  std::int64_t bytes = size;
  Offset end = snapshot;  // Of the first segment that is read.
  for (int count = 1; count < kRecallSegmentsMax && bytes < kRecallBytes && at != segments.begin(); ++count) {
    end = at->first;
    --at;
    size = at->second.size_bytes;
    bytes += size;
  }
  // Where the last kRecallBytes begin, if offsets are spread evenly; any batch boundary will do.
  const std::int64_t records = end - at->first;
  Offset from = at->first + (bytes <= kRecallBytes ? 0 : records * (bytes - kRecallBytes) / size);
  for (; at != segments.end() && at->first < snapshot; ++at) {
    TRY_ASSIGN(const auto file, file_of(at->second));
    TRY_ASSIGN(const std::int64_t start, scan_start(at->second, std::max(from, at->first)));
    BatchScanner scanner(*file, start, at->second.size_bytes, BatchScanner::kScanBytes);
    while (true) {
      TRY_ASSIGN(const auto batch, scanner.next());
      if (!batch) break;
      if (batch->base_offset() >= snapshot) return {};
      producers.recall(*batch);
    }
  }
  return {};
}

base::Result<> LogState::replay_producers(Offset from) {
  for (auto at = segment_of(from); at != segments.end() && from < log_end; ++at) {
    if (end_of(at) <= from) continue;
    TRY_ASSIGN(const auto file, file_of(at->second));
    TRY_ASSIGN(const std::int64_t start, scan_start(at->second, from));
    BatchScanner scanner(*file, start, at->second.size_bytes, BatchScanner::kScanBytes);
    while (true) {
      TRY_ASSIGN(const auto batch, scanner.next());
      if (!batch) break;
      if (batch->last_offset() < from || !batch->has_producer_id()) continue;
      kafka::RecordBatchView view = *batch;
      if (view.is_control()) {
        TRY_ASSIGN(view, scanner.whole());
      }
      if (auto aborted = producers.apply(view)) add_aborted(*aborted);
    }
  }
  return {};
}

}  // namespace penstock::storage
