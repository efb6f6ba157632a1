#include "kafka/record.h"

#include "kafka/record_batch.h"

namespace penstock::kafka {

using base::ByteSpan;

namespace {

// The varints of the hot path, inline. False when they end past `end` or are too long.
inline bool read_raw(const std::uint8_t*& at, const std::uint8_t* end, int bits_max, std::uint64_t& value) {
  // One or two bytes are nearly all of them.
  if (end - at >= 2) [[likely]] {
    const std::uint64_t first = at[0];
    if (first < 0x80) {
      value = first;
      ++at;
      return true;
    }
    const std::uint64_t second = at[1];
    if (second < 0x80) {
      value = (first & 0x7f) | second << 7;
      at += 2;
      return true;
    }
  }
  value = 0;
  for (int shift = 0; shift < bits_max; shift += 7) {
    if (at >= end) return false;
    const std::uint8_t byte = *at++;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

inline bool read_varint(const std::uint8_t*& at, const std::uint8_t* end, std::int32_t& value) {
  std::uint64_t raw;
  if (!read_raw(at, end, 35, raw)) return false;
  const auto low = static_cast<std::uint32_t>(raw);
  value = static_cast<std::int32_t>((low >> 1) ^ (~(low & 1) + 1));
  return true;
}

inline bool read_varlong(const std::uint8_t*& at, const std::uint8_t* end, std::int64_t& value) {
  std::uint64_t raw;
  if (!read_raw(at, end, 70, raw)) return false;
  value = static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return true;
}

// A length and that many bytes; a negative length is null, as in Java's client.
inline bool read_nullable(const std::uint8_t*& at, const std::uint8_t* end, std::optional<ByteSpan>& bytes) {
  std::int32_t length;
  if (!read_varint(at, end, length)) return false;
  if (length < 0) {
    bytes.reset();
    return true;
  }
  if (length > end - at) return false;
  bytes.emplace(at, static_cast<std::size_t>(length));
  at += length;
  return true;
}

// One header; nullptr when well formed, else why not.
const char* read_header(const std::uint8_t*& at, const std::uint8_t* end, RecordHeader& header) {
  std::optional<ByteSpan> key;
  if (!read_nullable(at, end, key)) return "a header key ends past the record";
  if (!key) return "a header key is null";
  if (!read_nullable(at, end, header.value)) return "a header value ends past the record";
  header.key = base::as_text(*key);
  return nullptr;
}

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

std::vector<RecordHeader> Record::headers() const {
  std::vector<RecordHeader> result;
  result.reserve(static_cast<std::size_t>(header_count));
  const std::uint8_t* at = header_bytes.data();
  const std::uint8_t* const end = at + header_bytes.size();
  for (std::int32_t i = 0; i < header_count; ++i) {
    RecordHeader header;
    if (read_header(at, end, header) != nullptr) break;  // Checked by the cursor before.
    result.push_back(header);
  }
  return result;
}

RecordCursor::RecordCursor(const RecordBatchView& batch, ByteSpan records)
    : at_(records.data()),
      end_(records.data() + records.size()),
      base_offset_(batch.base_offset()),
      base_timestamp_(batch.base_timestamp()),
      append_timestamp_(batch.max_timestamp()),
      is_log_append_time_(batch.timestamp_type() == TimestampType::kLogAppendTime),
      left_(batch.count()) {}

bool RecordCursor::fail(const char* why) {
  failure_ = why;
  left_ = 0;
  return false;
}

bool RecordCursor::next(Record& record) {
  if (failure_ != nullptr) return false;
  if (left_ <= 0) {
    if (at_ == end_) return false;
    return fail("bytes are left behind the last record");
  }
  const std::uint8_t* at = at_;  // A local, which stays in a register.
  std::int32_t length;
  if (!read_varint(at, end_, length)) return fail("fewer records than the batch counts");
  if (length < 0 || length > end_ - at) return fail("a record ends past the batch");
  const std::uint8_t* const end = at + length;
  record.size_bytes = static_cast<std::size_t>(end - at_);
  at_ = end;
  if (!read_body(at, end, record)) return false;
  --left_;
  return true;
}

bool RecordCursor::read_body(const std::uint8_t* at, const std::uint8_t* end, Record& record) {
  if (at == end) return fail("an empty record");
  ++at;  // Attributes: none is defined.
  std::int64_t timestamp_delta;
  std::int32_t offset_delta;
  std::int32_t header_count;
  if (!read_varlong(at, end, timestamp_delta)) return fail("a bad timestamp delta");
  if (!read_varint(at, end, offset_delta)) return fail("a bad offset delta");
  if (!read_nullable(at, end, record.key)) return fail("a key ends past the record");
  if (!read_nullable(at, end, record.value)) return fail("a value ends past the record");
  if (!read_varint(at, end, header_count)) return fail("a bad header count");
  if (header_count < 0) return fail("a negative header count");
  if (header_count > end - at) return fail("a header count exceeds the bytes left");
  const std::uint8_t* const headers = at;
  for (std::int32_t i = 0; i < header_count; ++i) {
    RecordHeader header;
    if (const char* why = read_header(at, end, header)) return fail(why);
  }
  if (at != end) return fail("bytes are left inside a record");
  record.offset_delta = offset_delta;
  record.offset = Offset(wrapping_add(base_offset_.value(), offset_delta));
  record.timestamp = is_log_append_time_ ? append_timestamp_ : wrapping_add(base_timestamp_, timestamp_delta);
  record.header_count = header_count;
  record.header_bytes = ByteSpan(headers, static_cast<std::size_t>(end - headers));
  return true;
}

std::optional<ControlType> control_type(const Record& record) {
  if (!record.key || record.key->size() < 4) return std::nullopt;
  const auto version = base::load_be<std::int16_t>(record.key->data());
  const auto type = base::load_be<std::int16_t>(record.key->data() + 2);
  if (version < 0 || type < 0 || type > static_cast<std::int16_t>(ControlType::kKraftVoters))
    return std::nullopt;
  return static_cast<ControlType>(type);
}

}  // namespace penstock::kafka
