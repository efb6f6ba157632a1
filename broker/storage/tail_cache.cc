#include "broker/storage/tail_cache.h"

#include <algorithm>
#include <cstring>

namespace penstock::storage {

namespace {
constexpr std::size_t kChunkBytesMin = 4 << 10;    // An idle partition should cost little,
constexpr std::size_t kChunkBytesMax = 128 << 10;  // and a hot one should be read in few pieces.
}  // namespace

bool TailCacheBudget::take(std::int64_t bytes) {
  if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
  give(bytes);
  return false;
}

TailCache::TailCache(std::int64_t bytes_max, std::shared_ptr<TailCacheBudget> budget)
    : bytes_max_(bytes_max), budget_(std::move(budget)) {}

void TailCache::append(base::ByteSpan batch, const LogOffsetMetadata& where, Offset last_offset) {
  if (bytes_since_reader_ >= bytes_max_) return clear();
  bytes_since_reader_ += static_cast<std::int64_t>(batch.size());
  const bool fits =
      !chunks_.empty() && chunks_.back().capacity - chunks_.back().used >= batch.size() &&
      chunks_.back().start.segment_base == where.segment_base &&
      chunks_.back().start.position + static_cast<std::int64_t>(chunks_.back().used) == where.position;
  if (!fits && !add_chunk(batch.size(), where)) {
    clear();  // A gap would make find() skip a batch.
    return;
  }
  Chunk& chunk = chunks_.back();
  std::memcpy(chunk.data.get() + chunk.used, batch.data(), batch.size());
  chunk.entries.push_back({last_offset, static_cast<std::uint32_t>(chunk.used)});
  chunk.used += batch.size();
}

bool TailCache::add_chunk(std::size_t bytes_min, const LogOffsetMetadata& start) {
  const std::size_t grown = chunks_.empty() ? kChunkBytesMin : chunks_.back().capacity * 2;
  const std::size_t capacity = std::max(std::min(grown, kChunkBytesMax), bytes_min);
  const auto bytes = static_cast<std::int64_t>(capacity);
  // One batch that pushes out everything else would not be read twice: sendfile is cheaper for it.
  if (bytes > bytes_max_ / 2) return false;
  while (size_bytes_ + bytes > bytes_max_) drop_front();
  while (budget_ && !budget_->take(bytes)) {
    if (chunks_.empty()) return false;
    drop_front();
  }
  chunks_.push_back({.data = std::make_shared_for_overwrite<std::uint8_t[]>(capacity),
                     .capacity = capacity,
                     .used = 0,
                     .start = start,
                     .entries = {}});
  size_bytes_ += bytes;
  return true;
}

void TailCache::drop_front() {
  const auto bytes = static_cast<std::int64_t>(chunks_.front().capacity);
  if (budget_) budget_->give(bytes);
  size_bytes_ -= bytes;
  chunks_.pop_front();
}

void TailCache::clear() {
  while (!chunks_.empty()) drop_front();
}

void TailCache::truncate_to(Offset offset) {
  if (const auto at = find(offset); at || (!chunks_.empty() && offset < chunks_.front().start.offset)) {
    // Bytes of dropped batches may be in flight still, so their memory must not be written again.
    clear();
  }
}

std::optional<TailCache::Cursor> TailCache::find(Offset offset) const {
  if (chunks_.empty() || offset < chunks_.front().start.offset) return std::nullopt;
  const auto after = std::upper_bound(chunks_.begin(), chunks_.end(), offset,
                                      [](Offset value, const Chunk& c) { return value < c.start.offset; });
  std::size_t chunk = static_cast<std::size_t>(after - chunks_.begin()) - 1;
  const auto& entries = chunks_[chunk].entries;
  const auto entry = std::lower_bound(entries.begin(), entries.end(), offset,
                                      [](const Entry& e, Offset value) { return e.last_offset < value; });
  if (entry != entries.end()) return Cursor{chunk, static_cast<std::size_t>(entry - entries.begin())};
  // In a hole between two chunks: the next batch is the first of the next chunk.
  if (++chunk == chunks_.size()) return std::nullopt;
  return Cursor{chunk, 0};
}

std::optional<LogOffsetMetadata> TailCache::locate(Offset offset) const {
  const auto at = find(offset);
  if (!at) return std::nullopt;
  const Chunk& chunk = chunks_[at->chunk];
  return LogOffsetMetadata{offset, chunk.start.segment_base,
                           chunk.start.position + chunk.entries[at->entry].at};
}

std::optional<TailCache::Hit> TailCache::read(Offset from, Offset end, std::int64_t bytes_max,
                                              bool is_one_required) const {
  const auto at = find(from);
  if (!at) return std::nullopt;
  const Chunk& chunk = chunks_[at->chunk];
  const std::size_t begin = chunk.entries[at->entry].at;
  std::size_t stop = begin;
  std::size_t i = at->entry;
  for (; i < chunk.entries.size() && chunk.entries[i].last_offset < end; ++i) {
    const std::size_t next = i + 1 < chunk.entries.size() ? chunk.entries[i + 1].at : chunk.used;
    const bool fits = static_cast<std::int64_t>(next - begin) <= bytes_max;
    if (!fits && !(is_one_required && i == at->entry)) break;
    stop = next;
  }
  Hit hit;
  hit.start = {from, chunk.start.segment_base, chunk.start.position + static_cast<std::int64_t>(begin)};
  hit.records.bytes = {chunk.data.get() + begin, stop - begin};
  hit.records.owner = chunk.data;
  const bool has_next = i == chunk.entries.size() && at->chunk + 1 < chunks_.size() &&
                        chunks_[at->chunk + 1].start.segment_base == chunk.start.segment_base;
  hit.has_more = has_next && chunks_[at->chunk + 1].entries.front().last_offset < end &&
                 static_cast<std::int64_t>(stop - begin) < bytes_max;
  return hit;
}

}  // namespace penstock::storage
