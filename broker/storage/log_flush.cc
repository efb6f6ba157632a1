// Durability of a Log: flushing, and the jobs that write its side files.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "broker/storage/log_state.h"

namespace penstock::storage {

namespace {

constexpr base::Logger log("storage");

// Even write-back: the kernel otherwise collects dirty pages and stalls everybody at once.
constexpr std::int64_t kWriteBackBytes = 1 << 20;
constexpr std::int64_t kPreallocateBytesMin = 1 << 20;
constexpr std::int64_t kPreallocateBytesMax = 32 << 20;
// A flush after this many bytes leaves indexes and producer state on disk, so that recovery starts there.
constexpr std::int64_t kRestartPointBytes = 8 << 20;

}  // namespace

base::Result<> FlushJob::run() {
  for (BackgroundJob& job : first_) TRY(job.run());
  for (const auto& file : files_) TRY(file->sync());
  if (is_directory_dirty_) TRY(disk_->sync_directory(directory_));
  return {};
}

FlushJob Log::make_flush_job() {
  LogState& s = *state_;
  FlushJob job;
  job.target_ = s.log_end;
  job.generation_ = s.guard->generation;
  job.disk_ = &s.disk;
  job.directory_ = s.options.directory;
  if (s.log_end <= s.recovery_point && s.unflushed.empty() && !s.is_directory_dirty) return job;
  job.is_directory_dirty_ = s.is_directory_dirty;
  for (const SealedSegment& sealed : s.unflushed) {
    job.files_.push_back(sealed.file);
    job.first_.push_back(
        {sealed.write_indexes->what, [write = sealed.write_indexes]() { return write->run(); }});
  }
  job.files_.push_back(s.active.file);
  if (s.epochs_version > 0) job.first_.push_back(s.epochs_job());
  for (const Offset base : s.dirty_aborted) {
    if (const auto at = s.segments.find(base); at != s.segments.end())
      job.first_.push_back(s.aborted_job(at->second));
  }
  if (s.bytes_since_restart_point >= kRestartPointBytes) {
    s.bytes_since_restart_point = 0;
    job.first_.push_back(s.index_job(s.active_segment(), s.active.offsets, s.active.times));
    if (s.options.has_producer_state) job.first_.push_back(s.snapshot_job(s.log_end));
  }
  return job;
}

void Log::finish_flush(const FlushJob& job, const base::Result<>& outcome) {
  LogState& s = *state_;
  if (!outcome) {
    // After a failed fsync the kernel may have dropped the pages: nothing later can be trusted.
    fail(outcome.error().context("flush " + s.options.directory));
    return;
  }
  if (job.generation_ != s.guard->generation) return;  // Truncated meanwhile.
  if (!job.files_.empty())
    std::erase_if(s.unflushed, [&](const SealedSegment& sealed) {
      const auto& flushed = job.files_;
      return std::find(flushed.begin(), std::prev(flushed.end()), sealed.file) != std::prev(flushed.end());
    });
  if (job.target_ == s.log_end) {
    s.unflushed_bytes = 0;
    s.is_directory_dirty = false;
    s.dirty_aborted.clear();
  }
  s.recovery_point = std::max(s.recovery_point, job.target_);
}

base::Result<> Log::flush() {
  FlushJob job = make_flush_job();
  const base::Result<> outcome = job.run();
  finish_flush(job, outcome);
  return outcome;
}

bool Log::is_flush_due(std::int64_t now_ms) const {
  const LogState& s = *state_;
  if (s.log_end <= s.recovery_point) return false;
  return s.log_end - s.recovery_point >= s.config.flush_messages ||
         now_ms - s.last_flush_ms >= s.config.flush_ms;
}

std::vector<BackgroundJob> Log::take_jobs() { return std::exchange(state_->jobs, {}); }

base::Result<> Log::run_jobs() {
  base::Result<> first;
  for (BackgroundJob& job : take_jobs()) {
    auto outcome = job.run();
    if (!outcome && first) first = base::fail(outcome.error().context(job.what));
  }
  return first;
}

void Log::fail(const base::Error& error) {
  if (!state_->poison) log.error("{} takes no more appends: {}", state_->options.directory, error.what());
  (void)state_->poisoned_by(error);
}

bool Log::is_poisoned() const { return state_->poison.has_value(); }

void LogState::epochs_changed() {
  ++epochs_version;
  jobs.push_back(epochs_job());
}

BackgroundJob LogState::epochs_job() const {
  auto write = [disk = &disk, guard = guard, version = epochs_version, text = epochs.encode(),
                name = options.directory + "/leader-epoch-checkpoint"]() -> base::Result<> {
    const std::lock_guard lock(guard->mutex);
    if (guard->epochs_version_saved >= version) return {};
    TRY(base::write_file_atomically(*disk, name, base::as_bytes(text)));
    guard->epochs_version_saved = version;
    return {};
  };
  return {fmt::format("write leader epochs of {}", options.directory), std::move(write)};
}

BackgroundJob LogState::snapshot_job(Offset offset) {
  // Besides those at segment starts only the newest is of use.
  std::vector<std::string> stale;
  std::erase_if(snapshots, [&](Offset known) {
    const bool is_stray = known != offset && !segments.contains(known);
    if (is_stray) stale.push_back(path(known, ".snapshot"));
    return is_stray;
  });
  if (std::find(snapshots.begin(), snapshots.end(), offset) == snapshots.end()) snapshots.push_back(offset);
  auto write = [disk = &disk, guard = guard, generation = guard->generation, stale = std::move(stale),
                name = path(offset, ".snapshot"), content = producers.encode_snapshot()]() -> base::Result<> {
    const std::lock_guard lock(guard->mutex);
    if (guard->generation != generation) return {};
    TRY(base::write_file_atomically(*disk, name, content));
    for (const std::string& old : stale) TRY(disk->remove(old));
    return {};
  };
  return {fmt::format("write {}", path(offset, ".snapshot")), std::move(write)};
}

BackgroundJob LogState::aborted_job(const Segment& segment) const {
  auto write = [disk = &disk, guard = guard, generation = guard->generation, files = segment.files,
                name = path(segment.base, ".txnindex"),
                content = encode_aborted(*segment.aborted)]() -> base::Result<> {
    const std::lock_guard lock(guard->mutex);
    if (guard->generation != generation || files->is_removed) return {};
    return base::write_file_atomically(*disk, name, content);
  };
  return {fmt::format("write {}", path(segment.base, ".txnindex")), std::move(write)};
}

void LogState::queue_write_back() {
  const std::int64_t size = active_segment().size_bytes;
  if (size - active.written_back < kWriteBackBytes) return;
  auto start = [file = active.file, from = active.written_back, size]() -> base::Result<> {
    file->start_write_back(from, size - from);
    return {};
  };
  active.written_back = size;
  jobs.push_back({fmt::format("write back {}", active.file->path()), std::move(start)});
}

void LogState::queue_preallocation() {
  const std::int64_t size = active_segment().size_bytes;
  // A small log needs none; a growing one gets steps in proportion, always half a step ahead.
  if (size < kPreallocateBytesMin / 4) return;
  const std::int64_t step = std::clamp(size, kPreallocateBytesMin, kPreallocateBytesMax);
  if (active.preallocated - size >= step / 2) return;
  const std::int64_t from = std::max(active.preallocated, size);
  const std::int64_t until = std::min<std::int64_t>(from + step, config.segment_bytes);
  if (until <= from) return;
  active.preallocated = until;
  auto reserve = [file = active.file, from, until]() -> base::Result<> {
    if (auto done = file->preallocate(from, until - from); !done)
      log.debug("no preallocation: {}", done.error().what());
    return {};
  };
  jobs.push_back({fmt::format("preallocate {}", active.file->path()), std::move(reserve)});
}

}  // namespace penstock::storage
