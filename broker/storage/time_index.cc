#include "broker/storage/time_index.h"

#include <algorithm>

namespace penstock::storage {

TimeIndex TimeIndex::decode(kafka::Offset base, base::ByteSpan file, bool* is_intact) {
  TimeIndex index(base);
  index.entries_.reserve(file.size() / kEntryBytes);
  std::size_t at = 0;
  for (; at + kEntryBytes <= file.size(); at += kEntryBytes) {
    const Entry entry{base::load_be<std::int64_t>(&file[at]), base::load_be<std::int32_t>(&file[at + 8])};
    const bool is_unused = entry.timestamp == 0 && entry.relative_offset == 0;
    const bool goes_back =
        !index.is_empty() && (entry.timestamp <= index.entries_.back().timestamp ||
                              entry.relative_offset < index.entries_.back().relative_offset);
    if (is_unused || goes_back || entry.timestamp < 0 || entry.relative_offset < 0) break;
    index.entries_.push_back(entry);
  }
  if (is_intact != nullptr) *is_intact = at == file.size();
  return index;
}

void TimeIndex::append(std::int64_t timestamp, kafka::Offset offset) {
  if (timestamp < 0 || timestamp <= last_timestamp()) return;
  entries_.push_back({timestamp, static_cast<std::int32_t>(offset - base_)});
}

kafka::Offset TimeIndex::lookup(std::int64_t timestamp) const {
  auto after = std::upper_bound(entries_.begin(), entries_.end(), timestamp,
                                [](std::int64_t value, const Entry& e) { return value < e.timestamp; });
  return after == entries_.begin() ? base_ : base_ + std::prev(after)->relative_offset;
}

void TimeIndex::truncate_to(kafka::Offset offset) {
  while (!entries_.empty() && last_offset() >= offset) entries_.pop_back();
}

base::Bytes TimeIndex::encode() const {
  base::Bytes file(entries_.size() * kEntryBytes);
  std::uint8_t* at = file.data();
  for (const Entry& entry : entries_) {
    base::store_be(at, entry.timestamp);
    base::store_be(at + 8, entry.relative_offset);
    at += kEntryBytes;
  }
  return file;
}

}  // namespace penstock::storage
