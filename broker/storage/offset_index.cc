#include "broker/storage/offset_index.h"

#include <algorithm>

namespace penstock::storage {

OffsetIndex OffsetIndex::decode(kafka::Offset base, base::ByteSpan file, std::int64_t segment_bytes,
                                bool* is_intact) {
  OffsetIndex index(base);
  index.entries_.reserve(file.size() / kEntryBytes);
  std::size_t at = 0;
  for (; at + kEntryBytes <= file.size(); at += kEntryBytes) {
    const Entry entry{base::load_be<std::int32_t>(&file[at]), base::load_be<std::int32_t>(&file[at + 4])};
    // Position 0 is never worth an entry, so (0, 0) is the unused rest of a preallocated file.
    const Entry before = index.is_empty() ? Entry{-1, 0} : index.entries_.back();
    if (entry.relative_offset <= before.relative_offset || entry.position <= before.position ||
        entry.position >= segment_bytes) {
      break;
    }
    index.entries_.push_back(entry);
  }
  if (is_intact != nullptr) *is_intact = at == file.size();
  return index;
}

void OffsetIndex::append(kafka::Offset last_offset, std::int64_t position) {
  entries_.push_back({static_cast<std::int32_t>(last_offset - base_), static_cast<std::int32_t>(position)});
}

std::int64_t OffsetIndex::lookup(kafka::Offset target) const {
  const std::int64_t relative = target - base_;
  auto after = std::upper_bound(entries_.begin(), entries_.end(), relative,
                                [](std::int64_t value, const Entry& e) { return value < e.relative_offset; });
  return after == entries_.begin() ? 0 : std::prev(after)->position;
}

void OffsetIndex::truncate_to(kafka::Offset offset) {
  while (!entries_.empty() && last_offset() >= offset) entries_.pop_back();
}

base::Bytes OffsetIndex::encode() const {
  base::Bytes file(entries_.size() * kEntryBytes);
  std::uint8_t* at = file.data();
  for (const Entry& entry : entries_) {
    base::store_be(at, entry.relative_offset);
    base::store_be(at + 4, entry.position);
    at += kEntryBytes;
  }
  return file;
}

}  // namespace penstock::storage
