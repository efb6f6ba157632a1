#include "kafka/record_validation.h"

#include <algorithm>

#include <fmt/format.h>

#include "kafka/error_codes.h"

namespace penstock::kafka {

using base::ByteSpan;
using base::Errc;
using base::fail;
using base::Result;

namespace {

// Kafka shows this many record errors in the message of the batch.
constexpr std::size_t kRecordErrorsShown = 3;

struct Rejection {
  ErrorCode error;
  std::string message;
};
using Check = std::expected<void, Rejection>;

std::unexpected<Rejection> reject(ErrorCode error, std::string message) {
  return std::unexpected<Rejection>({error, std::move(message)});
}

// What the walk over the records collects.
class RecordWalk {
 public:
  RecordWalk(const RecordRules& rules, std::int64_t now_ms, std::string_view subject)
      : rules_(rules), subject_(subject) {
    // Saturated, so that before.max.ms of INT64_MAX means "any".
    oldest_ = rules.timestamp_before_ms_max > now_ms + kFarPast ? std::numeric_limits<std::int64_t>::min()
                                                                : now_ms - rules.timestamp_before_ms_max;
    newest_ = rules.timestamp_after_ms_max > std::numeric_limits<std::int64_t>::max() - now_ms
                  ? std::numeric_limits<std::int64_t>::max()
                  : now_ms + rules.timestamp_after_ms_max;
  }

  Check run(const RecordBatchView& batch, ByteSpan records) {
    const bool claims_append_time = batch.timestamp_type() == TimestampType::kLogAppendTime;
    const bool checks_timestamp = rules_.timestamp_type == TimestampType::kCreateTime;
    RecordCursor cursor(batch, records);
    Record record;
    for (std::int32_t index = 0; cursor.next(record); ++index) {
      if (record.offset_delta != index) {
        return reject(ErrorCode::kInvalidRecord,
                      fmt::format("Record {} of the batch has offset delta {} in topic partition {}", index,
                                  record.offset_delta, subject_));
      }
      if (rules_.is_key_required && !record.key) {
        add_error(
            index, ErrorCode::kInvalidRecord,
            fmt::format("Compacted topic cannot accept message without key in topic partition {}", subject_));
        continue;
      }
      if (checks_timestamp && record.timestamp != kNoTimestamp && !is_timestamp_allowed(record.timestamp)) {
        add_error(index, ErrorCode::kInvalidTimestamp, out_of_range(record));
      } else if (claims_append_time) {
        add_error(
            index, ErrorCode::kInvalidTimestamp,
            "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.");
      }
      max_timestamp_ = std::max(max_timestamp_, record.timestamp);
    }
    if (cursor.failed()) {
      return reject(ErrorCode::kInvalidRecord,
                    fmt::format("Malformed record in topic partition {}: {}", subject_, cursor.failure()));
    }
    return {};
  }

  std::int64_t max_timestamp() const { return max_timestamp_; }
  std::vector<RecordError>& errors() { return errors_; }
  bool has_timestamp_error() const { return has_timestamp_error_; }
  std::size_t error_count() const { return error_count_; }

 private:
  static constexpr std::int64_t kFarPast = std::int64_t{1} << 60;

  // Only -1 of the negative timestamps means something.
  bool is_timestamp_allowed(std::int64_t timestamp) const {
    return timestamp >= 0 && timestamp >= oldest_ && timestamp <= newest_;
  }

  std::string out_of_range(const Record& record) const {
    return fmt::format(
        "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{}, {}]",
        record.timestamp, record.offset, std::max<std::int64_t>(oldest_, 0), newest_);
  }

  void add_error(std::int32_t index, ErrorCode error, std::string message) {
    ++error_count_;
    has_timestamp_error_ |= error == ErrorCode::kInvalidTimestamp;
    if (errors_.size() < RecordVerdict::kRecordErrorsMax) errors_.push_back({index, std::move(message)});
  }

  const RecordRules& rules_;
  const std::string_view subject_;
  std::int64_t oldest_;
  std::int64_t newest_;
  std::int64_t max_timestamp_ = kNoTimestamp;
  std::vector<RecordError> errors_;
  std::size_t error_count_ = 0;
  bool has_timestamp_error_ = false;
};

// The one batch that fills `records`.
std::expected<RecordBatchView, Rejection> only_batch(ByteSpan records, const RecordRules& rules) {
  const auto only_one = [&](std::string_view what) {
    return reject(ErrorCode::kInvalidRecord,
                  fmt::format("Produce requests with version {} {}", rules.produce_version, what));
  };
  if (records.empty()) return only_one("must have at least one record batch per partition");
  const auto batch = RecordBatchView::parse(records);
  if (!batch) {
    if (batch.error().code() == Errc::kUnsupported) {
      return only_one("are only allowed to contain record batches with magic version 2");
    }
    return reject(ErrorCode::kInvalidRecord, batch.error().what());
  }
  if (batch->size_bytes() != records.size()) {
    return only_one("are only allowed to contain exactly one record batch per partition");
  }
  return *batch;
}

Check check_header(const RecordBatchView& batch, const RecordRules& rules, std::string_view subject) {
  const auto invalid = [](std::string message) {
    return reject(ErrorCode::kInvalidRecord, std::move(message));
  };
  if (batch.compression_id() > static_cast<std::int16_t>(Compression::kZstd)) {
    return invalid(fmt::format("Unknown compression type id: {}", batch.compression_id()));
  }
  if (batch.compression() == Compression::kZstd && rules.produce_version < 7) {
    return reject(ErrorCode::kUnsupportedCompressionType,
                  fmt::format("Produce requests with version {} are not allowed to use ZStandard compression",
                              rules.produce_version));
  }
  if (batch.base_offset() != Offset(0)) {
    return invalid(
        fmt::format("The baseOffset of the record batch in the append to {} should be 0, but it is {}",
                    subject, batch.base_offset()));
  }
  if (batch.size_bytes() > static_cast<std::size_t>(std::max(rules.batch_bytes_max, 0))) {
    return reject(
        ErrorCode::kMessageTooLarge,
        fmt::format("The record batch size in the append to {} is {} bytes which exceeds the maximum "
                    "configured value of {}.",
                    subject, batch.size_bytes(), rules.batch_bytes_max));
  }
  if (!batch.is_crc_valid()) {
    return reject(
        ErrorCode::kCorruptMessage,
        fmt::format("Record is corrupt (stored crc = {}) in topic partition {}.", batch.crc(), subject));
  }
  if (batch.last_offset_delta() < 0) {
    return invalid(fmt::format("Batch has an invalid offset range: [{}, {}] in topic partition {}",
                               batch.base_offset(), batch.last_offset(), subject));
  }
  if (batch.count() <= 0) {
    return invalid(fmt::format("Invalid reported count for record batch: {} in topic partition {}",
                               batch.count(), subject));
  }
  if (std::int64_t{batch.last_offset_delta()} + 1 != batch.count()) {
    return invalid(
        fmt::format("Inconsistent batch offset range [{}, {}] and count of records {} in topic partition {}",
                    batch.base_offset(), batch.last_offset(), batch.count(), subject));
  }
  if (batch.is_control()) {
    return invalid(
        fmt::format("Clients are not allowed to write control records in topic partition {}", subject));
  }
  if (batch.has_producer_id() && batch.base_sequence() < 0) {
    return invalid(
        fmt::format("Invalid sequence number {} in record batch with producerId {} in topic partition {}",
                    batch.base_sequence(), batch.producer_id(), subject));
  }
  return {};
}

std::expected<ByteSpan, Rejection> unpack(const RecordBatchView& batch, const RecordRules& rules,
                                          std::string_view subject, Decompressor& decompressor) {
  auto records = batch.records(decompressor, rules.decompressed_bytes_max);
  if (records) return *records;
  const bool is_too_large = records.error().code() == Errc::kLimitExceeded;
  return reject(
      is_too_large ? ErrorCode::kMessageTooLarge : ErrorCode::kCorruptMessage,
      fmt::format("Cannot decompress the batch in topic partition {}: {}", subject, records.error().what()));
}

// As Kafka words what is wrong with single records.
Check check_record_errors(RecordWalk& walk) {
  if (walk.error_count() == 0) return {};
  if (walk.has_timestamp_error()) {
    return reject(ErrorCode::kInvalidTimestamp,
                  "One or more records have been rejected due to invalid timestamp");
  }
  std::string shown;
  for (std::size_t i = 0; i < std::min(kRecordErrorsShown, walk.errors().size()); ++i) {
    const RecordError& error = walk.errors()[i];
    shown += fmt::format("{}RecordError(batchIndex={}, message='{}')", i == 0 ? "" : ", ", error.batch_index,
                         error.message);
  }
  return reject(
      ErrorCode::kInvalidRecord,
      fmt::format("One or more records have been rejected due to {} record errors in total, and only "
                  "showing the first three errors at most: [{}]",
                  walk.error_count(), shown));
}

// The batch with its records, which are already unpacked, packed by another codec.
std::expected<base::Bytes, Rejection> convert(const RecordBatchView& batch, ByteSpan records,
                                              Compression target, const RecordRules& rules,
                                              std::string_view subject) {
  base::Bytes converted(batch.bytes().begin(), batch.bytes().begin() + kBatchHeaderBytes);
  if (auto packed = compress(target, records, converted, rules.compression_level); !packed) {
    return reject(ErrorCode::kUnknownServerError, packed.error().what());
  }
  if (converted.size() > static_cast<std::size_t>(rules.batch_bytes_max)) {
    return reject(
        ErrorCode::kMessageTooLarge,
        fmt::format("The record batch size in the append to {} is {} bytes after conversion which exceeds "
                    "the maximum configured value of {}.",
                    subject, converted.size(), rules.batch_bytes_max));
  }
  const auto kept = static_cast<std::int16_t>(batch.attributes() & ~kAttributeCompressionMask);
  base::store_be(converted.data() + kBatchAttributesAt,
                 static_cast<std::int16_t>(kept | static_cast<std::int16_t>(target)));
  base::store_be(converted.data() + kBatchLengthAt,
                 static_cast<std::int32_t>(converted.size() - kBatchLogOverhead));
  rewrite_crc(converted);
  return converted;
}

Check validate(std::span<std::uint8_t> bytes, const RecordRules& rules, std::int64_t now_ms,
               std::string_view subject, Decompressor& decompressor, RecordVerdict& verdict) {
  const auto batch = only_batch(bytes, rules);
  if (!batch) return std::unexpected(batch.error());
  if (auto header = check_header(*batch, rules, subject); !header) return header;
  const auto records = unpack(*batch, rules, subject, decompressor);
  if (!records) return std::unexpected(records.error());

  RecordWalk walk(rules, now_ms, subject);
  if (auto walked = walk.run(*batch, *records); !walked) return walked;
  if (auto checked = check_record_errors(walk); !checked) {
    verdict.record_errors = std::move(walk.errors());
    return checked;
  }

  const bool is_append_time = rules.timestamp_type == TimestampType::kLogAppendTime;
  verdict.record_count = batch->count();
  verdict.last_offset_delta = batch->last_offset_delta();
  verdict.max_timestamp = is_append_time ? now_ms : walk.max_timestamp();
  verdict.log_append_time_ms = is_append_time ? now_ms : kNoTimestamp;

  std::span<std::uint8_t> result = bytes;
  const Compression target = rules.compression.value_or(batch->compression());
  if (target != batch->compression()) {
    auto converted = convert(*batch, *records, target, rules, subject);
    if (!converted) return std::unexpected(converted.error());
    verdict.converted = std::move(*converted);
    result = verdict.converted;
  }
  // The client's claim of the largest timestamp counts for nothing; the CRC is redone only if it was wrong.
  const bool is_patched =
      batch->timestamp_type() != rules.timestamp_type || batch->max_timestamp() != verdict.max_timestamp;
  if (is_patched) set_max_timestamp(result, rules.timestamp_type, verdict.max_timestamp);
  return {};
}

}  // namespace

RecordVerdict validate_produced(std::span<std::uint8_t> records, const RecordRules& rules,
                                std::int64_t now_ms, std::string_view subject, Decompressor& decompressor) {
  RecordVerdict verdict;
  if (auto check = validate(records, rules, now_ms, subject, decompressor, verdict); !check) {
    verdict.error = check.error().error;
    verdict.message = std::move(check.error().message);
    verdict.converted.clear();
  }
  return verdict;
}

Result<> check_batch(const RecordBatchView& batch) {
  if (!batch.is_crc_valid()) {
    return fail(Errc::kCorrupt,
                fmt::format("record batch at offset {} is corrupt (stored crc = {}, computed crc = {})",
                            batch.base_offset(), batch.crc(), batch.computed_crc()));
  }
  if (batch.base_offset() < Offset(0) || batch.last_offset_delta() < 0 || batch.count() < 0 ||
      batch.base_offset().value() >
          std::numeric_limits<std::int64_t>::max() - batch.last_offset_delta() - 1) {
    return fail(
        Errc::kCorrupt,
        fmt::format("record batch at offset {} has an impossible range (last offset delta {}, count {})",
                    batch.base_offset(), batch.last_offset_delta(), batch.count()));
  }
  return {};
}

}  // namespace penstock::kafka
