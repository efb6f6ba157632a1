// The inside of a Log, shared by the log_*.cc files that implement it. Not for other modules.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/log.h"
#include "broker/storage/offset_index.h"
#include "broker/storage/producer_state.h"
#include "broker/storage/segment_cache.h"
#include "broker/storage/tail_cache.h"
#include "broker/storage/time_index.h"
#include "broker/storage/transaction_index.h"

namespace penstock::storage {

// Keeps late jobs from writing over newer files: a job that writes holds the mutex and looks whether its
// generation is still the log's; truncation takes the mutex and moves on.
struct JobGuard {
  std::mutex mutex;
  std::uint64_t generation = 0;
  std::uint64_t epochs_version_saved = 0;
};

// What jobs know of a segment's files. Under JobGuard::mutex.
struct SegmentFiles {
  bool is_removed = false;
  std::size_t index_entries_written = 0;  // A job made earlier may run later; it has fewer.
};

struct Segment {
  Offset base{0};
  std::int64_t size_bytes = 0;
  // Of the record with the largest timestamp; known for the active segment, read on demand for others.
  bool is_max_timestamp_known = false;
  std::int64_t max_timestamp = kafka::kNoTimestamp;
  Offset max_timestamp_offset{-1};
  // Loaded on demand for inactive segments.
  std::optional<std::vector<AbortedEntry>> aborted;
  std::shared_ptr<SegmentFiles> files = std::make_shared<SegmentFiles>();
};

// What only the last segment has.
struct ActiveSegment {
  std::shared_ptr<base::File> file;
  OffsetIndex offsets;
  TimeIndex times;
  std::int64_t bytes_since_index = 0;
  std::optional<std::int64_t> first_timestamp;  // segment.ms is measured from it.
  std::int64_t created_ms = 0;
  std::int64_t preallocated = 0;
  std::int64_t written_back = 0;
};

// What a flush still owes an inactive segment. The job is in LogState::jobs too; the second run does nothing.
struct SealedSegment {
  std::shared_ptr<base::File> file;
  std::shared_ptr<BackgroundJob> write_indexes;
};

// Where a batch lies.
struct Place {
  std::int64_t position = 0;
  Offset base_offset{0};
  Offset last_offset{0};
  std::int64_t size_bytes = 0;
};

struct LogState {
  explicit LogState(LogOptions o);

  LogOptions options;
  base::Disk& disk;
  LogConfig config;
  std::map<Offset, Segment> segments;  // Never empty once open; the last is the active one.
  ActiveSegment active;
  Offset log_start{0};
  Offset log_end{0};
  Offset high_watermark{0};
  Offset recovery_point{0};
  std::int64_t last_flush_ms = 0;
  std::int64_t unflushed_bytes = 0;
  std::int64_t bytes_since_restart_point = 0;
  LeaderEpochCache epochs;
  std::uint64_t epochs_version = 0;
  ProducerState producers;
  std::vector<Offset> snapshots;  // Of producer state, on disk or about to be; ascending.
  TailCache tail;
  std::shared_ptr<SegmentCache> open_segments;
  std::shared_ptr<JobGuard> guard = std::make_shared<JobGuard>();
  std::vector<BackgroundJob> jobs;
  std::vector<SealedSegment> unflushed;  // Rolled since the last flush.
  std::vector<Offset> dirty_aborted;     // Segments whose .txnindex on disk is behind, since the last flush.
  bool is_directory_dirty = false;
  std::optional<base::Error> poison;
  RecoveryReport report;

  // --- Names and small helpers (log_state.cc)
  std::string path(Offset base, std::string_view suffix) const;
  Segment& active_segment() { return segments.rbegin()->second; }
  Offset end_of(std::map<Offset, Segment>::const_iterator segment) const;
  std::map<Offset, Segment>::iterator segment_of(Offset offset);
  base::Result<> check_usable() const;
  std::unexpected<base::Error> poisoned_by(const base::Error& error);

  // --- Segments (log_segments.cc)
  base::Result<> create_active(Offset base, std::int64_t now_ms);
  base::Result<> seal_active(Offset new_base);  // Queues the job that writes its files.
  base::Result<> roll_to(Offset new_base, std::int64_t now_ms);
  SealedSegment sealed_active();  // Completes the time index.
  // What is on disk speaks of batches that were cut off.
  base::Result<> remove_index_files(Offset base);
  base::Result<> reopen_as_active(Segment& segment);
  BackgroundJob index_job(const Segment& segment, const OffsetIndex& offsets, const TimeIndex& times) const;
  base::Result<std::shared_ptr<OpenSegment>> open_segment(const Segment& segment);
  base::Result<OpenSegment> rebuild_indexes(const Segment& segment, std::shared_ptr<base::File> file,
                                            TimeIndex& times);
  base::Result<TimeIndex> load_times(const Segment& segment);
  base::Result<> load_max_timestamp(Segment& segment);
  base::Result<std::vector<AbortedEntry>*> load_aborted(Segment& segment);
  // Renames the files away and queues their removal.
  base::Result<> remove_segments(std::map<Offset, Segment>::iterator first,
                                 std::map<Offset, Segment>::iterator last);
  // The segment of the marker gets it of an aborted transaction; ignored when its index has it already.
  void add_aborted(const AbortedEntry& entry);
  // Adds a batch at `position` of the active segment to its indexes.
  void note_timestamp(const kafka::RecordBatchView& batch);
  void index_batch(const kafka::RecordBatchView& batch, std::int64_t position);

  // --- Lookup (log_read.cc)
  base::Result<std::shared_ptr<base::File>> file_of(const Segment& segment);
  base::Result<std::int64_t> scan_start(const Segment& segment, Offset offset);
  // The first batch whose last offset is at or above `offset`; nullopt when the segment has none.
  base::Result<std::optional<Place>> find_batch(const Segment& segment, Offset offset);

  // --- Jobs (log_flush.cc)
  void epochs_changed();
  BackgroundJob epochs_job() const;
  BackgroundJob snapshot_job(Offset offset);
  BackgroundJob aborted_job(const Segment& segment) const;
  void queue_write_back();
  void queue_preallocation();

  // --- Recovery (recovery.cc)
  base::Result<> load();
  base::Result<> load_file_names();
  base::Result<> load_epochs();
  base::Result<> recover_segments();
  void check_gap(Offset next_base);
  base::Result<> recover_active_end(Offset limit);
  base::Result<> scan_active(std::int64_t from, Offset limit);  // Offsets at or above `limit` are bad.
  base::Result<> cut_active(std::int64_t position, const std::string& reason);
  base::Result<> rebuild_producers(Offset snapshot_max);
  base::Result<> replay_producers(Offset from);
  base::Result<> recall_producers(Offset snapshot);
};

// 20 digits, as Kafka names segment files.
std::string segment_file_name(Offset base, std::string_view suffix);
// ERRORS: kCorrupt unless it is 20 digits.
base::Result<Offset> parse_segment_file_name(std::string_view stem);

}  // namespace penstock::storage
