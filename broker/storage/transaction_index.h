// The aborted transactions of one segment, in the order of their markers.
//
// On disk:  .txnindex, docs/formats/indexes.md.
// Threads:  a value.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "broker/storage/log_types.h"

namespace penstock::storage {

struct AbortedEntry {
  kafka::ProducerId producer_id{-1};
  Offset first_offset{-1};
  Offset last_offset{-1};  // Of the marker.
  Offset last_stable_offset{-1};
  friend bool operator==(const AbortedEntry&, const AbortedEntry&) = default;
};

inline constexpr std::size_t kAbortedEntryBytes = 34;

base::Bytes encode_aborted(const std::vector<AbortedEntry>& entries);
// Stops at the first entry that is cut off, of another version, or not after the one before.
std::vector<AbortedEntry> decode_aborted(base::ByteSpan file);

}  // namespace penstock::storage
