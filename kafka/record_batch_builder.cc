#include "kafka/record_batch_builder.h"

#include <algorithm>

#include "base/assert.h"

namespace penstock::kafka {

using base::ByteSpan;
using base::ByteWriter;

namespace {

std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::size_t nullable_size(const std::optional<ByteSpan>& bytes) {
  if (!bytes) return base::varint_size(-1);
  return base::varint_size(static_cast<std::int32_t>(bytes->size())) + bytes->size();
}

void write_nullable(ByteWriter& writer, const std::optional<ByteSpan>& bytes) {
  if (!bytes) {
    writer.write_varint(-1);
    return;
  }
  writer.write_varint(static_cast<std::int32_t>(bytes->size()));
  writer.write_bytes(*bytes);
}

std::int16_t attributes_of(const RecordBatchOptions& options) {
  int bits = static_cast<int>(options.compression);
  if (options.timestamp_type == TimestampType::kLogAppendTime) bits |= kAttributeLogAppendTime;
  if (options.is_transactional) bits |= kAttributeTransactional;
  if (options.is_control) bits |= kAttributeControl;
  if (options.delete_horizon_ms) bits |= kAttributeDeleteHorizon;
  return static_cast<std::int16_t>(bits);
}

struct HeaderNumbers {
  std::int32_t last_offset_delta;
  std::int64_t base_timestamp;
  std::int64_t max_timestamp;
  std::int32_t count;
};

// Fills in the header of a batch whose records are in place, and its CRC.
void write_header(base::Bytes& batch, const RecordBatchOptions& options, const HeaderNumbers& numbers) {
  std::uint8_t* const at = batch.data();
  base::store_be(at + kBatchBaseOffsetAt, options.base_offset.value());
  base::store_be(at + kBatchLengthAt, static_cast<std::int32_t>(batch.size() - kBatchLogOverhead));
  base::store_be(at + kBatchLeaderEpochAt, options.leader_epoch.value());
  at[kBatchMagicAt] = static_cast<std::uint8_t>(kBatchMagic);
  base::store_be(at + kBatchAttributesAt, attributes_of(options));
  base::store_be(at + kBatchLastOffsetDeltaAt, numbers.last_offset_delta);
  base::store_be(at + kBatchBaseTimestampAt, numbers.base_timestamp);
  base::store_be(at + kBatchMaxTimestampAt, numbers.max_timestamp);
  base::store_be(at + kBatchProducerIdAt, options.producer_id.value());
  base::store_be(at + kBatchProducerEpochAt, options.producer_epoch.value());
  base::store_be(at + kBatchBaseSequenceAt, options.base_sequence);
  base::store_be(at + kBatchCountAt, numbers.count);
  rewrite_crc(batch);
}

}  // namespace

RecordBatchBuilder::RecordBatchBuilder(RecordBatchOptions options)
    : options_(options), next_offset_(options.base_offset) {
  bytes_.bytes().resize(kBatchHeaderBytes);
}

void RecordBatchBuilder::append(std::int64_t timestamp, std::optional<ByteSpan> key,
                                std::optional<ByteSpan> value, std::span<const RecordHeader> headers) {
  append_at(next_offset_, timestamp, key, value, headers);
}

void RecordBatchBuilder::append_at(Offset offset, std::int64_t timestamp, std::optional<ByteSpan> key,
                                   std::optional<ByteSpan> value, std::span<const RecordHeader> headers) {
  BASE_ASSERT(offset >= next_offset_, "offsets of a batch go up");
  if (count_ == 0) base_timestamp_ = options_.delete_horizon_ms.value_or(timestamp);
  const std::int64_t timestamp_delta = wrapping_subtract(timestamp, base_timestamp_);
  const auto offset_delta = static_cast<std::int32_t>(offset - options_.base_offset);

  std::size_t length = 1 + base::varlong_size(timestamp_delta) + base::varint_size(offset_delta) +
                       nullable_size(key) + nullable_size(value) +
                       base::varint_size(static_cast<std::int32_t>(headers.size()));
  for (const RecordHeader& header : headers) {
    length += nullable_size(base::as_bytes(header.key)) + nullable_size(header.value);
  }
  bytes_.write_varint(static_cast<std::int32_t>(length));
  bytes_.write_int8(0);
  bytes_.write_varlong(timestamp_delta);
  bytes_.write_varint(offset_delta);
  write_nullable(bytes_, key);
  write_nullable(bytes_, value);
  bytes_.write_varint(static_cast<std::int32_t>(headers.size()));
  for (const RecordHeader& header : headers) {
    write_nullable(bytes_, base::as_bytes(header.key));
    write_nullable(bytes_, header.value);
  }
  max_timestamp_ = count_ == 0 ? timestamp : std::max(max_timestamp_, timestamp);
  next_offset_ = offset + 1;
  ++count_;
}

void RecordBatchBuilder::append_control(std::int64_t timestamp, ControlType type, ByteSpan value) {
  BASE_ASSERT(options_.is_control, "a control record in a data batch");
  std::uint8_t key[4];
  base::store_be(key, std::int16_t{0});
  base::store_be(key + 2, static_cast<std::int16_t>(type));
  append(timestamp, ByteSpan(key), value);
}

base::Result<base::Bytes> RecordBatchBuilder::build() {
  BASE_ASSERT(count_ > 0, "a batch has records");
  base::Bytes batch = bytes_.take();
  if (options_.compression != Compression::kNone) {
    base::Bytes packed(kBatchHeaderBytes);
    const ByteSpan records = ByteSpan(batch).subspan(kBatchHeaderBytes);
    TRY(compress(options_.compression, records, packed, options_.compression_level));
    batch = std::move(packed);
  }
  const bool is_append_time = options_.timestamp_type == TimestampType::kLogAppendTime;
  write_header(batch, options_,
               {static_cast<std::int32_t>(next_offset_ - options_.base_offset) - 1, base_timestamp_,
                is_append_time ? options_.log_append_time_ms : max_timestamp_, count_});
  return batch;
}

base::Bytes empty_batch(const RecordBatchOptions& options, Offset last_offset, std::int64_t max_timestamp) {
  BASE_ASSERT(last_offset >= options.base_offset, "an empty batch covers offsets");
  base::Bytes batch(kBatchHeaderBytes);
  write_header(batch, options,
               {static_cast<std::int32_t>(last_offset - options.base_offset),
                options.delete_horizon_ms.value_or(kNoTimestamp), max_timestamp, 0});
  return batch;
}

base::Bytes end_transaction_marker(const RecordBatchOptions& options, std::int64_t timestamp, bool is_commit,
                                   std::int32_t coordinator_epoch) {
  RecordBatchOptions marker = options;
  marker.is_control = true;
  marker.is_transactional = true;
  marker.base_sequence = kNoSequence;
  marker.compression = Compression::kNone;
  RecordBatchBuilder builder(marker);
  ByteWriter value;
  value.write_int16(0);
  value.write_int32(coordinator_epoch);
  builder.append_control(timestamp, is_commit ? ControlType::kCommit : ControlType::kAbort, value.span());
  auto batch = builder.build();
  BASE_ASSERT(batch.has_value(), "an uncompressed batch always builds");
  return std::move(*batch);
}

}  // namespace penstock::kafka
