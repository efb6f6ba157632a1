// Reading a Log by offset.
#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "broker/storage/log_state.h"

namespace penstock::storage {

namespace {

using base::Errc;

// Below this, memory is cheaper than sendfile even when the answer gets shorter for it.
constexpr std::int64_t kMemoryBytesEnough = 64 << 10;
constexpr std::int64_t kProbeStepBytes = 64 << 10;

// Whether the page at `position` can be read without waiting for the disk.
bool is_resident(int descriptor, std::int64_t position) {
  std::uint8_t byte = 0;
  const iovec target{&byte, 1};
  return ::preadv2(descriptor, &target, 1, position, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

// Samples the range, both ends included; readahead makes holes between samples unlikely.
bool is_resident(int descriptor, std::int64_t position, std::int64_t length) {
  if (descriptor < 0 || length <= 0) return true;
  for (std::int64_t at = position; at < position + length; at += kProbeStepBytes)
    if (!is_resident(descriptor, at)) return false;
  return is_resident(descriptor, position + length - 1);
}

BackgroundJob warm_up_job(std::shared_ptr<base::File> file, std::int64_t position, std::int64_t length) {
  std::string what = fmt::format("warm up {}", file->path());
  auto read = [file = std::move(file), position, length]() -> base::Result<> {
    base::Bytes window(256 << 10);
    for (std::int64_t done = 0; done < length;) {
      TRY_ASSIGN(const std::size_t got, file->read_at(position + done, window));
      if (got == 0) break;
      done += static_cast<std::int64_t>(got);
    }
    return {};
  };
  return {std::move(what), std::move(read)};
}

// Opens the segment's files once, so that a second try finds their pages in memory.
BackgroundJob open_job(base::Disk& disk, std::string index_path, std::string log_path, Offset base,
                       std::int64_t segment_bytes, Offset from, std::int64_t bytes) {
  std::string what = fmt::format("warm up {}", log_path);
  auto read = [&disk, index_path = std::move(index_path), log_path = std::move(log_path), base, segment_bytes,
               from, bytes]() -> base::Result<> {
    auto index = base::read_file(disk, index_path);
    if (!index) return {};  // It is rebuilt by the read that follows.
    const std::int64_t at = OffsetIndex::decode(base, *index, segment_bytes).lookup(from);
    TRY_ASSIGN(auto file, disk.open(log_path, base::OpenMode::kRead));
    return warm_up_job(std::move(file), at, bytes).run();
  };
  return {std::move(what), std::move(read)};
}

struct FileRange {
  LogOffsetMetadata start;
  std::int64_t length = 0;
};

// Cuts what was read to whole batches.
base::Bytes whole_batches(base::Bytes content) {
  kafka::BatchCursor cursor(content);
  for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) continue;
  content.resize(cursor.position());
  return content;
}

base::Result<kafka::RecordsRef> read_range(const std::shared_ptr<base::File>& file, const FileRange& range,
                                           bool is_memory_required) {
  if (file->descriptor() >= 0 && !is_memory_required)
    return kafka::RecordsRef::file(file->descriptor(), range.start.position, range.length, file);
  base::Bytes content(static_cast<std::size_t>(range.length));
  TRY_ASSIGN(const std::size_t got, file->read_at(range.start.position, content));
  if (got != content.size()) {
    return base::fail(Errc::kCorrupt, fmt::format("{} ends at {}, expected {}", file->path(),
                                                  range.start.position + static_cast<std::int64_t>(got),
                                                  range.start.position + range.length));
  }
  return kafka::RecordsRef::shared(is_memory_required ? whole_batches(std::move(content))
                                                      : std::move(content));
}

std::optional<ReadResult> read_tail(LogState& s, const ReadRequest& request, Offset end) {
  auto hit = s.tail.read(request.from, end, request.bytes_max, request.is_one_batch_required);
  if (!hit) return std::nullopt;
  s.tail.note_reader();
  const bool is_enough = !hit->has_more || request.is_memory_required ||
                         static_cast<std::int64_t>(hit->records.size()) >= kMemoryBytesEnough;
  if (!is_enough) return std::nullopt;
  ReadResult result;
  result.start = hit->start;
  if (!hit->records.bytes.empty()) result.records = std::move(hit->records);
  return result;
}

}  // namespace

base::Result<std::shared_ptr<base::File>> LogState::file_of(const Segment& segment) {
  if (&segment == &active_segment()) return active.file;
  TRY_ASSIGN(auto open, open_segment(segment));
  return open->file;
}

base::Result<std::int64_t> LogState::scan_start(const Segment& segment, Offset offset) {
  if (&segment == &active_segment()) return active.offsets.lookup(offset);
  TRY_ASSIGN(auto open, open_segment(segment));
  return open->offsets.lookup(offset);
}

base::Result<std::optional<Place>> LogState::find_batch(const Segment& segment, Offset offset) {
  TRY_ASSIGN(auto file, file_of(segment));
  TRY_ASSIGN(const std::int64_t from, scan_start(segment, offset));
  BatchScanner scanner(*file, from, segment.size_bytes, BatchScanner::kLookupBytes);
  while (true) {
    TRY_ASSIGN(const auto batch, scanner.next());
    if (!batch) return std::nullopt;
    if (batch->last_offset() >= offset) {
      return Place{scanner.position(), batch->base_offset(), batch->last_offset(),
                   static_cast<std::int64_t>(batch->size_bytes())};
    }
  }
}

namespace {

// Where in `segment` the answer lies; nullopt when the segment has nothing at or after `from`.
base::Result<std::optional<FileRange>> locate(LogState& s, std::map<Offset, Segment>::iterator at,
                                              const ReadRequest& request, Offset end) {
  const Segment& segment = at->second;
  TRY_ASSIGN(const auto first, s.find_batch(segment, request.from));
  if (!first) return std::nullopt;
  std::int64_t stop = segment.size_bytes;
  if (end < s.end_of(at)) {
    if (const auto cached = s.tail.locate(end); cached && cached->segment_base == segment.base) {
      stop = cached->position;
    } else {
      TRY_ASSIGN(const auto beyond, s.find_batch(segment, end));
      if (beyond) stop = beyond->position;
    }
  }
  FileRange range{.start = {request.from, segment.base, first->position}};
  const std::int64_t available = std::max<std::int64_t>(stop - first->position, 0);
  range.length = std::min(available, request.bytes_max);
  if (range.length < first->size_bytes)
    range.length = request.is_one_batch_required ? std::min(first->size_bytes, available) : 0;
  return range;
}

base::Result<ReadResult> read_segment(LogState& s, std::map<Offset, Segment>::iterator at,
                                      const ReadRequest& request, Offset end, bool* has_found) {
  ReadResult result;
  const Segment& segment = at->second;
  const bool is_active = at == std::prev(s.segments.end());
  if (!request.may_block && !is_active && s.open_segments->find(s.path(segment.base, ".log")) == nullptr) {
    *has_found = true;
    result.warm_up = open_job(s.disk, s.path(segment.base, ".index"), s.path(segment.base, ".log"),
                              segment.base, segment.size_bytes, request.from,
                              request.bytes_max + std::int64_t{BatchScanner::kLookupBytes});
    return result;
  }
  TRY_ASSIGN(const auto file, s.file_of(segment));
  if (!request.may_block) {
    TRY_ASSIGN(const std::int64_t from, s.scan_start(segment, request.from));
    const std::int64_t look = std::min<std::int64_t>(BatchScanner::kLookupBytes, segment.size_bytes - from);
    if (!is_resident(file->descriptor(), from, look)) {
      *has_found = true;
      result.warm_up = warm_up_job(file, from, request.bytes_max);
      return result;
    }
  }
  TRY_ASSIGN(const auto range, locate(s, at, request, end));
  if (!range) return result;
  *has_found = true;
  result.start = range->start;
  // This reader may read from memory from now on.
  if (is_active && segment.size_bytes - range->start.position <= s.tail.bytes_max()) s.tail.note_reader();
  if (range->length == 0) return result;
  if (!request.may_block && !is_resident(file->descriptor(), range->start.position, range->length)) {
    result.warm_up = warm_up_job(file, range->start.position, range->length);
    return result;
  }
  TRY_ASSIGN(result.records, read_range(file, *range, request.is_memory_required));
  return result;
}

}  // namespace

base::Result<ReadResult> Log::read(const ReadRequest& request) {
  LogState& s = *state_;
  if (request.from < s.log_start || request.from > s.log_end) {
    return base::fail(Errc::kOutOfRange, fmt::format("offset {} is outside of {} [{}, {}]", request.from,
                                                     s.options.directory, s.log_start, s.log_end));
  }
  const Offset end = std::min(request.end, s.log_end);
  if (request.from >= end) {
    ReadResult nothing;
    nothing.start = request.from == s.log_end ? log_end() : LogOffsetMetadata{request.from, Offset{-1}, -1};
    return nothing;
  }
  if (auto tail = read_tail(s, request, end)) return std::move(*tail);
  for (auto at = s.segment_of(request.from); at != s.segments.end() && at->first < end; ++at) {
    bool has_found = false;
    TRY_ASSIGN(ReadResult result, read_segment(s, at, request, end, &has_found));
    if (has_found) return result;
  }
  ReadResult nothing;  // Compaction left no batch between `from` and `end`.
  nothing.start = {request.from, Offset{-1}, -1};
  return nothing;
}

base::Result<std::vector<AbortedTransaction>> Log::aborted_transactions(Offset from, Offset end) {
  LogState& s = *state_;
  std::vector<AbortedTransaction> found;
  for (auto at = s.segment_of(from); at != s.segments.end(); ++at) {
    TRY_ASSIGN(const auto* entries, s.load_aborted(at->second));
    for (const AbortedEntry& entry : *entries) {
      if (entry.last_offset >= from && entry.first_offset < end)
        found.push_back({entry.producer_id, entry.first_offset});
      // What was stable at this marker lies before every later marker's transaction.
      if (entry.last_stable_offset >= end) return found;
    }
  }
  return found;
}

}  // namespace penstock::storage
