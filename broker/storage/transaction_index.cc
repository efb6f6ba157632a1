#include "broker/storage/transaction_index.h"

namespace penstock::storage {

namespace {
constexpr std::int16_t kVersion = 0;
}  // namespace

base::Bytes encode_aborted(const std::vector<AbortedEntry>& entries) {
  base::ByteWriter out;
  for (const AbortedEntry& entry : entries) {
    out.write_int16(kVersion);
    out.write_int64(entry.producer_id.value());
    out.write_int64(entry.first_offset.value());
    out.write_int64(entry.last_offset.value());
    out.write_int64(entry.last_stable_offset.value());
  }
  return out.take();
}

std::vector<AbortedEntry> decode_aborted(base::ByteSpan file) {
  base::ByteReader in(file);
  std::vector<AbortedEntry> entries;
  while (in.remaining() >= kAbortedEntryBytes) {
    const std::int16_t version = in.read_int16();
    const AbortedEntry entry{kafka::ProducerId(in.read_int64()), Offset(in.read_int64()),
                             Offset(in.read_int64()), Offset(in.read_int64())};
    if (version != kVersion || entry.last_offset < entry.first_offset) break;
    if (!entries.empty() && entry.last_offset <= entries.back().last_offset) break;
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace penstock::storage
