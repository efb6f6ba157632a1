// Segments of a LogState: creating, rolling, loading and removing them.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "broker/storage/log_state.h"

namespace penstock::storage {

namespace {

constexpr base::Logger log("storage");
constexpr std::int64_t kIndexBytesMax = 64 << 20;
constexpr std::string_view kSegmentSuffixes[] = {".log", ".index", ".timeindex", ".txnindex", ".snapshot"};

}  // namespace

base::Result<> LogState::create_active(Offset base, std::int64_t now_ms) {
  auto file = disk.open(path(base, ".log"), base::OpenMode::kTruncate);
  if (!file) return poisoned_by(file.error());
  active = {.file = std::move(*file), .offsets = OffsetIndex(base), .times = TimeIndex(base)};
  active.created_ms = now_ms;
  Segment& segment = segments[base];
  segment = {};
  segment.base = base;
  segment.is_max_timestamp_known = true;
  segment.aborted.emplace();
  is_directory_dirty = true;
  return {};
}

void LogState::note_timestamp(const kafka::RecordBatchView& batch) {
  Segment& segment = active_segment();
  if (batch.max_timestamp() <= segment.max_timestamp) return;
  segment.max_timestamp = batch.max_timestamp();
  segment.max_timestamp_offset = batch.last_offset();
}

void LogState::index_batch(const kafka::RecordBatchView& batch, std::int64_t position) {
  const Segment& segment = active_segment();
  note_timestamp(batch);
  if (!active.first_timestamp) active.first_timestamp = batch.max_timestamp();
  if (active.bytes_since_index > config.index_interval_bytes) {
    active.offsets.append(batch.last_offset(), position);
    active.times.append(segment.max_timestamp, segment.max_timestamp_offset);
    active.bytes_since_index = 0;
  }
  active.bytes_since_index += static_cast<std::int64_t>(batch.size_bytes());
}

void LogState::add_aborted(const AbortedEntry& entry) {
  Segment& segment = segment_of(entry.last_offset)->second;
  auto known = load_aborted(segment);
  if (!known || (!(*known)->empty() && (*known)->back().last_offset >= entry.last_offset)) return;
  (*known)->push_back(entry);
  if (std::find(dirty_aborted.begin(), dirty_aborted.end(), segment.base) == dirty_aborted.end())
    dirty_aborted.push_back(segment.base);
}

BackgroundJob LogState::index_job(const Segment& segment, const OffsetIndex& offsets,
                                  const TimeIndex& times) const {
  auto write = [disk = &disk, guard = guard, generation = guard->generation, files = segment.files,
                index_path = path(segment.base, ".index"), times_path = path(segment.base, ".timeindex"),
                entries = offsets.size() + times.size(), index = offsets.encode(),
                timeindex = times.encode()]() -> base::Result<> {
    const std::lock_guard lock(guard->mutex);
    if (guard->generation != generation || files->is_removed) return {};
    if (entries < files->index_entries_written) return {};  // Written already, or by a later job.
    TRY(base::write_file_atomically(*disk, index_path, index));
    TRY(base::write_file_atomically(*disk, times_path, timeindex));
    files->index_entries_written = entries + 1;
    return {};
  };
  return {fmt::format("write indexes of {}", path(segment.base, "")), std::move(write)};
}

SealedSegment LogState::sealed_active() {
  const Segment& segment = active_segment();
  active.times.append(segment.max_timestamp, segment.max_timestamp_offset);
  auto job = std::make_shared<BackgroundJob>(index_job(segment, active.offsets, active.times));
  return {.file = active.file, .write_indexes = std::move(job)};
}

base::Result<> LogState::remove_index_files(Offset base) {
  TRY(disk.remove(path(base, ".index")));
  is_directory_dirty = true;
  return disk.remove(path(base, ".timeindex"));
}

base::Result<> LogState::seal_active(Offset new_base) {
  Segment& segment = active_segment();
  unflushed.push_back(sealed_active());
  jobs.push_back({unflushed.back().write_indexes->what,
                  [job = unflushed.back().write_indexes]() { return job->run(); }});
  if (options.has_producer_state) {
    producers.set_end_offset(new_base);
    jobs.push_back(snapshot_job(new_base));
  }
  if (active.preallocated > segment.size_bytes) {
    auto cut = [file = active.file, size = segment.size_bytes, guard = guard,
                generation = guard->generation]() -> base::Result<> {
      const std::lock_guard lock(guard->mutex);
      if (guard->generation != generation) return {};
      return file->truncate(size);
    };
    jobs.push_back({fmt::format("give back blocks of {}", active.file->path()), std::move(cut)});
  }
  auto open = std::make_shared<OpenSegment>(active.file, std::move(active.offsets));
  open_segments->put(path(segment.base, ".log"), std::move(open));
  return {};
}

base::Result<> LogState::roll_to(Offset new_base, std::int64_t now_ms) {
  Segment& segment = active_segment();
  if (segment.size_bytes == 0) {
    if (segment.base == new_base) return {};
    // The offsets of what comes next do not fit: the empty segment moves.
    TRY(remove_segments(std::prev(segments.end()), segments.end()));
  } else {
    TRY(seal_active(new_base));
  }
  return create_active(new_base, now_ms);
}

base::Result<> LogState::reopen_as_active(Segment& segment) {
  TRY_ASSIGN(auto open, open_segment(segment));
  TRY(load_aborted(segment));
  // The file first: from here on it is what file_of() gives for this segment.
  active = {.file = open->file, .offsets = open->offsets, .times = TimeIndex(segment.base)};
  TRY_ASSIGN(active.times, load_times(segment));
  active.preallocated = active.written_back = segment.size_bytes;
  open_segments->forget(path(segment.base, ".log"));
  return {};
}

base::Result<std::shared_ptr<OpenSegment>> LogState::open_segment(const Segment& segment) {
  const std::string log_path = path(segment.base, ".log");
  if (auto known = open_segments->find(log_path)) return known;
  TRY_ASSIGN(auto file, disk.open(log_path, base::OpenMode::kReadWrite));
  auto open = std::make_shared<OpenSegment>();
  open->file = std::move(file);
  bool is_intact = false;
  auto content = base::read_file(disk, path(segment.base, ".index"), kIndexBytesMax);
  if (content) open->offsets = OffsetIndex::decode(segment.base, *content, segment.size_bytes, &is_intact);
  if (!is_intact) {
    TimeIndex times(segment.base);
    TRY_ASSIGN(*open, rebuild_indexes(segment, open->file, times));
  }
  open_segments->put(log_path, open);
  return open;
}

base::Result<OpenSegment> LogState::rebuild_indexes(const Segment& segment, std::shared_ptr<base::File> file,
                                                    TimeIndex& times) {
  log.info("rebuilding the indexes of {}", file->path());
  OpenSegment open{std::move(file), OffsetIndex(segment.base)};
  BatchScanner scanner(*open.file, 0, segment.size_bytes, BatchScanner::kScanBytes);
  std::int64_t since_index = 0;
  std::int64_t max_timestamp = kafka::kNoTimestamp;
  Offset max_offset{-1};
  while (true) {
    TRY_ASSIGN(const auto batch, scanner.next());
    if (!batch) break;
    if (batch->max_timestamp() > max_timestamp) {
      max_timestamp = batch->max_timestamp();
      max_offset = batch->last_offset();
    }
    if (since_index > config.index_interval_bytes) {
      open.offsets.append(batch->last_offset(), scanner.position());
      times.append(max_timestamp, max_offset);
      since_index = 0;
    }
    since_index += static_cast<std::int64_t>(batch->size_bytes());
  }
  times.append(max_timestamp, max_offset);
  TRY(index_job(segment, open.offsets, times).run());
  return open;
}

base::Result<TimeIndex> LogState::load_times(const Segment& segment) {
  auto content = base::read_file(disk, path(segment.base, ".timeindex"), kIndexBytesMax);
  if (content) {
    bool is_intact = false;
    TimeIndex times = TimeIndex::decode(segment.base, *content, &is_intact);
    if (is_intact) return times;
  }
  TRY_ASSIGN(auto file, file_of(segment));
  TimeIndex times(segment.base);
  TRY(rebuild_indexes(segment, std::move(file), times));
  return times;
}

base::Result<> LogState::load_max_timestamp(Segment& segment) {
  if (segment.is_max_timestamp_known) return {};
  TRY_ASSIGN(const TimeIndex times, load_times(segment));
  segment.max_timestamp = times.last_timestamp();
  segment.max_timestamp_offset = times.last_offset();
  segment.is_max_timestamp_known = true;
  return {};
}

base::Result<std::vector<AbortedEntry>*> LogState::load_aborted(Segment& segment) {
  if (!segment.aborted) {
    segment.aborted.emplace();
    const std::string name = path(segment.base, ".txnindex");
    if (disk.exists(name)) {
      TRY_ASSIGN(const base::Bytes content, base::read_file(disk, name, kIndexBytesMax));
      segment.aborted = decode_aborted(content);
    }
  }
  return &*segment.aborted;
}

base::Result<> LogState::remove_segments(std::map<Offset, Segment>::iterator first,
                                         std::map<Offset, Segment>::iterator last) {
  const std::lock_guard lock(guard->mutex);
  for (auto at = first; at != last; ++at) {
    at->second.files->is_removed = true;
    open_segments->forget(path(at->first, ".log"));
    std::vector<std::string> removed;
    for (const std::string_view suffix : kSegmentSuffixes) {
      std::string name = path(at->first, suffix);
      if (!disk.exists(name)) continue;
      // Renamed at once: a new segment may take the name before the job has run.
      if (auto renamed = disk.rename(name, name + ".deleted"); !renamed) return poisoned_by(renamed.error());
      removed.push_back(name + ".deleted");
    }
    std::erase(snapshots, at->first);
    auto remove = [disk = &disk, removed = std::move(removed)]() -> base::Result<> {
      for (const std::string& name : removed) TRY(disk->remove(name));
      return {};
    };
    jobs.push_back({fmt::format("remove {}", path(at->first, ".log")), std::move(remove)});
    is_directory_dirty = true;
  }
  segments.erase(first, last);
  return {};
}

}  // namespace penstock::storage
