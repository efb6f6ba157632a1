#include "kafka/record_batch.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/crc32c.h"

namespace penstock::kafka {

using base::ByteSpan;
using base::Errc;
using base::fail;
using base::Result;

std::optional<std::int64_t> claimed_batch_bytes(ByteSpan bytes) {
  if (bytes.size() < kBatchLogOverhead) return std::nullopt;
  return std::int64_t{base::load_be<std::int32_t>(bytes.data() + kBatchLengthAt)} +
         static_cast<std::int64_t>(kBatchLogOverhead);
}

Result<RecordBatchView> RecordBatchView::parse_header(ByteSpan bytes) {
  if (bytes.size() > kBatchMagicAt && static_cast<std::int8_t>(bytes[kBatchMagicAt]) != kBatchMagic) {
    return fail(Errc::kUnsupported,
                fmt::format("record batch with magic {}", static_cast<std::int8_t>(bytes[kBatchMagicAt])));
  }
  if (const auto size = claimed_batch_bytes(bytes);
      size && *size < static_cast<std::int64_t>(kBatchHeaderBytes)) {
    return fail(Errc::kCorrupt, fmt::format("record batch of {} bytes is smaller than its header", *size));
  }
  if (bytes.size() < kBatchHeaderBytes) {
    return fail(Errc::kOutOfRange, fmt::format("{} bytes are too few for a record batch", bytes.size()));
  }
  return RecordBatchView(bytes.data());
}

Result<RecordBatchView> RecordBatchView::parse(ByteSpan bytes) {
  TRY_ASSIGN(RecordBatchView view, parse_header(bytes));
  if (view.size_bytes() > bytes.size()) {
    return fail(Errc::kOutOfRange,
                fmt::format("record batch of {} bytes in a buffer of {}", view.size_bytes(), bytes.size()));
  }
  return view;
}

std::uint32_t RecordBatchView::computed_crc() const {
  return base::crc32c(bytes().subspan(kBatchAttributesAt));
}

std::optional<std::int64_t> RecordBatchView::delete_horizon_ms() const {
  if (!has_delete_horizon()) return std::nullopt;
  return base_timestamp();
}

std::int32_t RecordBatchView::last_sequence() const {
  if (base_sequence() == kNoSequence) return kNoSequence;
  return increment_sequence(base_sequence(), last_offset_delta());
}

Result<ByteSpan> RecordBatchView::records(Decompressor& decompressor, std::size_t bytes_max) const {
  if (compression_id() > static_cast<std::int16_t>(Compression::kZstd)) {
    return fail(Errc::kUnsupported, fmt::format("unknown compression type id {}", compression_id()));
  }
  return decompressor.decompress(compression(), payload(), bytes_max);
}

Result<std::optional<RecordBatchView>> BatchCursor::next() {
  const ByteSpan rest = bytes_.subspan(at_);
  auto view = RecordBatchView::parse(rest);
  if (view) {
    at_ += view->size_bytes();
    return *view;
  }
  if (view.error().code() == Errc::kOutOfRange) return std::optional<RecordBatchView>();
  return fail(view.error().context(fmt::format("at byte {}", at_)));
}

void set_base_offset(std::span<std::uint8_t> batch, Offset base_offset) {
  BASE_ASSERT(batch.size() >= kBatchHeaderBytes, "a whole batch");
  base::store_be(batch.data() + kBatchBaseOffsetAt, base_offset.value());
}

void set_leader_epoch(std::span<std::uint8_t> batch, LeaderEpoch epoch) {
  BASE_ASSERT(batch.size() >= kBatchHeaderBytes, "a whole batch");
  base::store_be(batch.data() + kBatchLeaderEpochAt, epoch.value());
}

void set_max_timestamp(std::span<std::uint8_t> batch, TimestampType type, std::int64_t max_timestamp) {
  BASE_ASSERT(batch.size() >= kBatchHeaderBytes, "a whole batch");
  auto attributes = base::load_be<std::int16_t>(batch.data() + kBatchAttributesAt);
  if (type == TimestampType::kLogAppendTime) {
    attributes |= kAttributeLogAppendTime;
  } else {
    attributes = static_cast<std::int16_t>(attributes & ~kAttributeLogAppendTime);
  }
  base::store_be(batch.data() + kBatchAttributesAt, attributes);
  base::store_be(batch.data() + kBatchMaxTimestampAt, max_timestamp);
  rewrite_crc(batch);
}

void set_producer_state(std::span<std::uint8_t> batch, ProducerId id, ProducerEpoch epoch,
                        std::int32_t base_sequence, bool is_transactional) {
  BASE_ASSERT(batch.size() >= kBatchHeaderBytes, "a whole batch");
  auto attributes = base::load_be<std::int16_t>(batch.data() + kBatchAttributesAt);
  attributes = static_cast<std::int16_t>(is_transactional ? attributes | kAttributeTransactional
                                                          : attributes & ~kAttributeTransactional);
  base::store_be(batch.data() + kBatchAttributesAt, attributes);
  base::store_be(batch.data() + kBatchProducerIdAt, id.value());
  base::store_be(batch.data() + kBatchProducerEpochAt, epoch.value());
  base::store_be(batch.data() + kBatchBaseSequenceAt, base_sequence);
  rewrite_crc(batch);
}

void rewrite_crc(std::span<std::uint8_t> batch) {
  const auto view = RecordBatchView::parse(batch);
  BASE_ASSERT(view.has_value(), "a whole batch");
  base::store_be(batch.data() + kBatchCrcAt, view->computed_crc());
}

}  // namespace penstock::kafka
