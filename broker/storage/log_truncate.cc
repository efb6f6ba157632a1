// Dropping records from either end of a Log.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "broker/storage/log_state.h"

namespace penstock::storage {

namespace {

constexpr base::Logger log("storage");

// From here on jobs made before write nothing.
void outdate_jobs(LogState& s) {
  const std::lock_guard lock(s.guard->mutex);
  ++s.guard->generation;
  for (auto& [base, segment] : s.segments) segment.files->index_entries_written = 0;
}

base::Result<> cut_segment(LogState& s, Offset offset) {
  Segment& segment = s.active_segment();
  TRY_ASSIGN(const auto first_dropped, s.find_batch(segment, offset));
  if (first_dropped) {
    if (auto cut = s.active.file->truncate(first_dropped->position); !cut) return s.poisoned_by(cut.error());
    segment.size_bytes = first_dropped->position;
  }
  if (auto removed = s.remove_index_files(segment.base); !removed) return s.poisoned_by(removed.error());
  s.active.offsets.truncate_to(offset);
  s.active.times.truncate_to(offset);
  s.active.preallocated = s.active.written_back = segment.size_bytes;
  TRY_ASSIGN(auto* aborted, s.load_aborted(segment));
  std::erase_if(*aborted, [&](const AbortedEntry& entry) { return entry.last_offset >= offset; });
  s.dirty_aborted = {segment.base};
  // Entries may be missing for the end of what is left, but none may be too large.
  segment.max_timestamp = s.active.times.last_timestamp();
  segment.max_timestamp_offset = s.active.times.last_offset();
  BatchScanner scanner(*s.active.file, s.active.offsets.is_empty() ? 0 : s.active.offsets.last_position(),
                       segment.size_bytes, BatchScanner::kLookupBytes);
  s.active.bytes_since_index = 0;
  while (true) {
    TRY_ASSIGN(const auto batch, scanner.next());
    if (!batch) break;
    s.note_timestamp(*batch);
    s.active.bytes_since_index += static_cast<std::int64_t>(batch->size_bytes());
  }
  segment.is_max_timestamp_known = true;
  return {};
}

// Looks at the directory, as one whose removal was left to a job that is outdated now is in no list.
base::Result<> remove_snapshots_above(LogState& s, Offset offset) {
  std::erase_if(s.snapshots, [&](Offset snapshot) { return snapshot > offset; });
  TRY_ASSIGN(const auto entries, s.disk.list(s.options.directory));
  for (const auto& entry : entries) {
    const std::size_t dot = entry.name.find('.');
    if (dot == std::string::npos || entry.name.substr(dot) != ".snapshot") continue;
    const auto snapshot = parse_segment_file_name(std::string_view(entry.name).substr(0, dot));
    if (!snapshot || *snapshot <= offset) continue;
    TRY(s.disk.remove(s.options.directory + "/" + entry.name));
    s.is_directory_dirty = true;
  }
  return {};
}

// What lies after `offset` in side files and state.
base::Result<> cut_state(LogState& s, Offset offset) {
  s.log_end = offset;
  s.log_start = std::min(s.log_start, offset);
  s.high_watermark = std::min(s.high_watermark, offset);
  s.recovery_point = std::min(s.recovery_point, offset);
  s.tail.truncate_to(offset);
  if (s.epochs.truncate_from_end(offset)) s.epochs_changed();
  return remove_snapshots_above(s, offset);
}

}  // namespace

base::Result<> Log::truncate_to(Offset offset) {
  LogState& s = *state_;
  TRY(s.check_usable());
  if (offset < s.segments.begin()->first) return truncate_fully_and_start_at(offset);
  if (offset >= s.log_end) {
    // The leader may disagree about an epoch that begins at our end.
    if (s.epochs.truncate_from_end(offset)) s.epochs_changed();
    return {};
  }
  log.info("truncating {} from {} to {}", s.options.directory, s.log_end, offset);
  outdate_jobs(s);
  const auto first_removed = s.segments.upper_bound(offset);
  const bool is_active_removed = first_removed != s.segments.end();
  if (is_active_removed) {
    TRY(s.remove_segments(first_removed, s.segments.end()));
    if (auto opened = s.reopen_as_active(s.active_segment()); !opened) return s.poisoned_by(opened.error());
  }
  if (auto cut = cut_segment(s, offset); !cut) return s.poisoned_by(cut.error());
  TRY(cut_state(s, offset));
  if (!s.options.has_producer_state) return {};
  return s.rebuild_producers(offset);
}

base::Result<> Log::truncate_fully_and_start_at(Offset offset) {
  LogState& s = *state_;
  TRY(s.check_usable());
  log.info("dropping {} [{}, {}), continuing at {}", s.options.directory, s.log_start, s.log_end, offset);
  outdate_jobs(s);
  TRY(s.remove_segments(s.segments.begin(), s.segments.end()));
  TRY(s.create_active(offset, 0));
  TRY(cut_state(s, Offset{0}));
  s.unflushed.clear();
  s.dirty_aborted.clear();
  s.tail.clear();
  s.epochs.clear();
  s.epochs_changed();
  s.producers.clear();
  s.producers.set_end_offset(offset);
  s.log_start = s.log_end = s.high_watermark = s.recovery_point = offset;
  return {};
}

base::Result<> Log::increment_log_start_offset(Offset offset) {
  LogState& s = *state_;
  TRY(s.check_usable());
  if (offset <= s.log_start) return {};
  if (offset > s.high_watermark) {
    return base::fail(base::Errc::kOutOfRange,
                      fmt::format("log start {} of {} is above the high watermark {}", offset,
                                  s.options.directory, s.high_watermark));
  }
  s.log_start = offset;
  if (s.epochs.truncate_from_start(offset)) s.epochs_changed();
  s.producers.on_log_start(offset);
  return {};
}

namespace {

struct Retention {
  std::int64_t now_ms = 0;
  std::int64_t excess_bytes = 0;  // Above retention.bytes.
};

base::Result<bool> is_expendable(LogState& s, std::map<Offset, Segment>::iterator at, Retention& retention) {
  Segment& segment = at->second;
  const Offset end = s.end_of(at);
  if (end > s.high_watermark || segment.size_bytes == 0) return false;
  if (end <= s.log_start) return true;
  if (!s.config.is_deleted) return false;
  if (s.config.retention_bytes >= 0 && retention.excess_bytes >= segment.size_bytes) {
    retention.excess_bytes -= segment.size_bytes;
    return true;
  }
  if (s.config.retention_ms < 0) return false;
  TRY(s.load_max_timestamp(segment));
  std::int64_t newest = segment.max_timestamp;
  if (newest < 0) {
    TRY_ASSIGN(newest, s.disk.modified_ms(s.path(segment.base, ".log")));
  }
  return retention.now_ms - newest > s.config.retention_ms;
}

}  // namespace

base::Result<std::size_t> Log::apply_retention(std::int64_t now_ms) {
  LogState& s = *state_;
  TRY(s.check_usable());
  Retention retention{.now_ms = now_ms, .excess_bytes = size_bytes() - s.config.retention_bytes};
  auto end = s.segments.begin();
  std::size_t count = 0;
  for (; end != s.segments.end(); ++end, ++count) {
    TRY_ASSIGN(const bool is_done_with, is_expendable(s, end, retention));
    if (!is_done_with) break;
  }
  if (count == 0) return 0;
  if (end == s.segments.end()) {
    TRY(s.roll_to(s.log_end, now_ms));
    end = std::prev(s.segments.end());
  }
  log.info("removing {} segments of {} below {}", count, s.options.directory, end->first);
  const Offset start = end->first;
  TRY(s.remove_segments(s.segments.begin(), end));
  TRY(increment_log_start_offset(start));
  return count;
}

}  // namespace penstock::storage
