// Producer snapshots: what ProducerState keeps across restarts.
#include <fmt/format.h>

#include "base/crc32c.h"
#include "broker/storage/producer_state.h"

namespace penstock::storage {

namespace {

using base::Errc;

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCrcAt = 2;
constexpr std::size_t kCheckedFrom = 6;  // The CRC covers what comes after it.
constexpr std::size_t kEntryBytes = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

void write_entry(base::ByteWriter& out, kafka::ProducerId id, const ProducerEntry& entry) {
  const ProducerBatch last = entry.has_batches() ? entry.last_batch() : ProducerBatch{};
  out.write_int64(id.value());
  out.write_int16(entry.epoch.value());
  out.write_int32(last.last_sequence);
  out.write_int64(last.last_offset.value());
  out.write_int32(last.offset_delta);
  out.write_int64(entry.last_timestamp);
  out.write_int32(entry.coordinator_epoch);
  out.write_int64(entry.transaction_first_offset.value());
}

ProducerEntry read_entry(base::ByteReader& in) {
  ProducerEntry entry;
  ProducerBatch last;
  entry.epoch = kafka::ProducerEpoch(in.read_int16());
  last.last_sequence = in.read_int32();
  last.last_offset = Offset(in.read_int64());
  last.offset_delta = in.read_int32();
  entry.last_timestamp = in.read_int64();
  last.timestamp = entry.last_timestamp;
  entry.coordinator_epoch = in.read_int32();
  entry.transaction_first_offset = Offset(in.read_int64());
  if (last.last_offset >= Offset{0}) entry.add(last);
  return entry;
}

}  // namespace

base::Bytes ProducerState::encode_snapshot() const {
  base::ByteWriter out;
  out.reserve(10 + producers_.size() * kEntryBytes);
  out.write_int16(kVersion);
  out.write_int32(0);
  out.write_int32(static_cast<std::int32_t>(producers_.size()));
  for (const auto& [id, entry] : producers_) write_entry(out, id, entry);
  out.patch_int32(kCrcAt, static_cast<std::int32_t>(base::crc32c(out.span().subspan(kCheckedFrom))));
  return out.take();
}

base::Result<> ProducerState::load_snapshot(base::ByteSpan file, Offset end_offset) {
  clear();
  base::ByteReader in(file);
  const std::int16_t version = in.read_int16();
  const std::uint32_t crc = in.read_uint32();
  if (in.failed()) return base::fail(Errc::kCorrupt, "producer snapshot is cut off");
  if (version != kVersion)
    return base::fail(Errc::kUnsupported, fmt::format("producer snapshot version {}", version));
  if (base::crc32c(in.rest()) != crc) return base::fail(Errc::kCorrupt, "producer snapshot: bad checksum");
  const std::int32_t count = in.read_int32();
  if (count < 0 || static_cast<std::size_t>(count) != in.remaining() / kEntryBytes ||
      in.remaining() % kEntryBytes != 0) {
    return base::fail(Errc::kCorrupt, fmt::format("producer snapshot: {} entries do not fit", count));
  }
  for (std::int32_t i = 0; i < count; ++i) {
    const kafka::ProducerId id(in.read_int64());
    const ProducerEntry entry = read_entry(in);
    if (entry.transaction_first_offset >= Offset{0})
      open_[entry.transaction_first_offset] = {.producer_id = id};
    producers_[id] = entry;
  }
  end_offset_ = end_offset;
  has_forgotten_ = true;
  return {};
}

}  // namespace penstock::storage
