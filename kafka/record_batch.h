// Zero-copy reading and in-place patching of record batches (magic 2).
//
// Source: Kafka documentation "Record Batch"; KIP-98; KIP-534 (delete horizon).
// Lifetime: views borrow the bytes that they were made from.
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/compression.h"
#include "kafka/ids.h"
#include "kafka/record.h"

namespace penstock::kafka {

// Positions in the 61 bytes before the first record.
inline constexpr std::size_t kBatchBaseOffsetAt = 0;
inline constexpr std::size_t kBatchLengthAt = 8;
inline constexpr std::size_t kBatchLeaderEpochAt = 12;
inline constexpr std::size_t kBatchMagicAt = 16;
inline constexpr std::size_t kBatchCrcAt = 17;
inline constexpr std::size_t kBatchAttributesAt = 21;  // The CRC covers everything from here.
inline constexpr std::size_t kBatchLastOffsetDeltaAt = 23;
inline constexpr std::size_t kBatchBaseTimestampAt = 27;
inline constexpr std::size_t kBatchMaxTimestampAt = 35;
inline constexpr std::size_t kBatchProducerIdAt = 43;
inline constexpr std::size_t kBatchProducerEpochAt = 51;
inline constexpr std::size_t kBatchBaseSequenceAt = 53;
inline constexpr std::size_t kBatchCountAt = 57;
inline constexpr std::size_t kBatchHeaderBytes = 61;
// Base offset and batch length, which the length does not count.
inline constexpr std::size_t kBatchLogOverhead = 12;
inline constexpr std::int8_t kBatchMagic = 2;

inline constexpr std::int16_t kAttributeCompressionMask = 0x07;
inline constexpr std::int16_t kAttributeLogAppendTime = 0x08;
inline constexpr std::int16_t kAttributeTransactional = 0x10;
inline constexpr std::int16_t kAttributeControl = 0x20;
inline constexpr std::int16_t kAttributeDeleteHorizon = 0x40;

enum class TimestampType : std::int8_t { kCreateTime = 0, kLogAppendTime = 1 };

// The size that the batch at the start of `bytes` claims, header included; nullopt when fewer than 12 bytes
// are there. May be nonsense (negative, huge): compare before use.
std::optional<std::int64_t> claimed_batch_bytes(base::ByteSpan bytes);

class RecordBatchView {
 public:
  // The batch at the start of `bytes`. Checks length and magic against the bytes; not CRC, not records.
  // ERRORS: kOutOfRange (needs more bytes than there are), kCorrupt (length below 49), kUnsupported (magic
  // not 2).
  static base::Result<RecordBatchView> parse(base::ByteSpan bytes);
  // Only the header is there, as when an index is rebuilt or a file is scanned.
  // ERRORS: as parse(), but bytes after the header may be missing.
  static base::Result<RecordBatchView> parse_header(base::ByteSpan bytes);

  base::ByteSpan bytes() const { return {at_, size_bytes()}; }
  // The whole batch: 12 + batch length.
  std::size_t size_bytes() const { return kBatchLogOverhead + static_cast<std::size_t>(batch_length()); }
  std::int32_t batch_length() const { return base::load_be<std::int32_t>(at_ + kBatchLengthAt); }

  Offset base_offset() const { return Offset(base::load_be<std::int64_t>(at_ + kBatchBaseOffsetAt)); }
  std::int32_t last_offset_delta() const {
    return base::load_be<std::int32_t>(at_ + kBatchLastOffsetDeltaAt);
  }
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  Offset next_offset() const { return last_offset() + 1; }
  LeaderEpoch leader_epoch() const {
    return LeaderEpoch(base::load_be<std::int32_t>(at_ + kBatchLeaderEpochAt));
  }

  std::uint32_t crc() const { return base::load_be<std::uint32_t>(at_ + kBatchCrcAt); }
  std::uint32_t computed_crc() const;
  bool is_crc_valid() const { return crc() == computed_crc(); }

  std::int16_t attributes() const { return base::load_be<std::int16_t>(at_ + kBatchAttributesAt); }
  // 0 to 7; above 4 there is no such codec.
  std::int16_t compression_id() const { return attributes() & kAttributeCompressionMask; }
  // REQUIRES: compression_id() <= 4.
  Compression compression() const { return static_cast<Compression>(compression_id()); }
  TimestampType timestamp_type() const {
    return (attributes() & kAttributeLogAppendTime) != 0 ? TimestampType::kLogAppendTime
                                                         : TimestampType::kCreateTime;
  }
  bool is_transactional() const { return (attributes() & kAttributeTransactional) != 0; }
  bool is_control() const { return (attributes() & kAttributeControl) != 0; }
  bool has_delete_horizon() const { return (attributes() & kAttributeDeleteHorizon) != 0; }
  // In milliseconds, when the attribute is set.
  std::optional<std::int64_t> delete_horizon_ms() const;

  std::int64_t base_timestamp() const { return base::load_be<std::int64_t>(at_ + kBatchBaseTimestampAt); }
  std::int64_t max_timestamp() const { return base::load_be<std::int64_t>(at_ + kBatchMaxTimestampAt); }

  ProducerId producer_id() const { return ProducerId(base::load_be<std::int64_t>(at_ + kBatchProducerIdAt)); }
  bool has_producer_id() const { return producer_id() > kNoProducerId; }
  ProducerEpoch producer_epoch() const {
    return ProducerEpoch(base::load_be<std::int16_t>(at_ + kBatchProducerEpochAt));
  }
  std::int32_t base_sequence() const { return base::load_be<std::int32_t>(at_ + kBatchBaseSequenceAt); }
  // Wraps from INT32_MAX to 0; kNoSequence when there is none.
  std::int32_t last_sequence() const;
  std::int32_t count() const { return base::load_be<std::int32_t>(at_ + kBatchCountAt); }

  // The bytes after the header, compressed or not. REQUIRES: made by parse().
  base::ByteSpan payload() const { return bytes().subspan(kBatchHeaderBytes); }

  // The payload decompressed; in place when it is not compressed, else in the decompressor's buffer until its
  // next call. ERRORS: kUnsupported (no such codec), kCorrupt, kLimitExceeded.
  base::Result<base::ByteSpan> records(Decompressor& decompressor, std::size_t bytes_max) const;

 private:
  explicit RecordBatchView(const std::uint8_t* at) : at_(at) {}
  const std::uint8_t* at_;
};

// a + n in the ring 0..INT32_MAX in which sequence numbers live.
constexpr std::int32_t increment_sequence(std::int32_t sequence, std::int32_t n) {
  return sequence > INT32_MAX - n ? n - (INT32_MAX - sequence) - 1 : sequence + n;
}
constexpr std::int32_t decrement_sequence(std::int32_t sequence, std::int32_t n) {
  return sequence < n ? INT32_MAX - (n - sequence) + 1 : sequence - n;
}

// The batches of a buffer, one after the other. Stops before a batch that is cut off at the end, as a fetched
// buffer may be.
class BatchCursor {
 public:
  explicit BatchCursor(base::ByteSpan bytes) : bytes_(bytes) {}

  // nullopt at the end. ERRORS: kCorrupt, kUnsupported; the cursor stays there.
  base::Result<std::optional<RecordBatchView>> next();
  // Bytes behind the last whole batch, once next() has returned nullopt.
  std::size_t remaining() const { return bytes_.size() - at_; }
  std::size_t position() const { return at_; }

 private:
  base::ByteSpan bytes_;
  std::size_t at_ = 0;
};

// In-place changes. REQUIRES: `batch` begins with a whole batch.
// Base offset and leader epoch lie outside of the CRC.
void set_base_offset(std::span<std::uint8_t> batch, Offset base_offset);
void set_leader_epoch(std::span<std::uint8_t> batch, LeaderEpoch epoch);
// These redo the CRC.
void set_max_timestamp(std::span<std::uint8_t> batch, TimestampType type, std::int64_t max_timestamp);
void set_producer_state(std::span<std::uint8_t> batch, ProducerId id, ProducerEpoch epoch,
                        std::int32_t base_sequence, bool is_transactional);
void rewrite_crc(std::span<std::uint8_t> batch);

}  // namespace penstock::kafka
