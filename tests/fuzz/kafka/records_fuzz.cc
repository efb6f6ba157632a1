// Validates any bytes as a produced batch. Input: mode (1 byte), count (2 bytes), payload.
//
// The payload gets a header whose length, count and CRC are right, so that the walk over records and the four
// decompressors are reached; in mode 7 it is the whole batch. What is accepted must have the records that it
// counts, and must be accepted again after conversion to another codec.
#include <cstdlib>

#include "kafka/error_codes.h"
#include "kafka/record_validation.h"

namespace penstock::kafka {

namespace {

constexpr std::size_t kDecompressedMax = 1 << 20;
constexpr std::int64_t kNow = 1700000000000;

void require(bool held) {
  if (!held) std::abort();
}

base::Bytes with_header(std::uint8_t mode, std::uint16_t count, base::ByteSpan payload) {
  base::Bytes batch(kBatchHeaderBytes);
  batch.insert(batch.end(), payload.begin(), payload.end());
  base::store_be(batch.data() + kBatchLengthAt, static_cast<std::int32_t>(batch.size() - kBatchLogOverhead));
  batch[kBatchMagicAt] = 2;
  base::store_be(batch.data() + kBatchAttributesAt,
                 static_cast<std::int16_t>(mode & kAttributeCompressionMask));
  base::store_be(batch.data() + kBatchLastOffsetDeltaAt, std::int32_t{count} - 1);
  base::store_be(batch.data() + kBatchBaseTimestampAt, kNow);
  base::store_be(batch.data() + kBatchProducerIdAt, std::int64_t{-1});
  base::store_be(batch.data() + kBatchCountAt, std::int32_t{count});
  rewrite_crc(batch);
  return batch;
}

void validate_one(base::ByteReader& input) {
  const std::uint8_t mode = input.read_uint8();
  const std::uint16_t count = input.read_uint16();
  if (input.failed()) return;
  const base::ByteSpan rest = input.rest();
  base::Bytes batch = mode == 7 ? base::Bytes(rest.begin(), rest.end()) : with_header(mode, count, rest);
  static Decompressor decompressor;
  RecordRules rules;
  rules.decompressed_bytes_max = kDecompressedMax;
  if ((mode & 0x80) != 0) rules.compression = static_cast<Compression>((mode >> 3) % 5);
  RecordVerdict verdict = validate_produced(batch, rules, kNow, "fuzz-0", decompressor);
  if (!verdict.is_ok()) return;
  base::Bytes& result = verdict.converted.empty() ? batch : verdict.converted;
  const auto view = RecordBatchView::parse(result);
  require(view.has_value() && view->is_crc_valid());
  RecordCursor cursor(*view, view->records(decompressor, kDecompressedMax).value());
  Record record;
  std::int32_t records = 0;
  for (; cursor.next(record); ++records) {
    require(record.headers().size() == static_cast<std::size_t>(record.header_count));
  }
  require(!cursor.failed() && records == verdict.record_count);
  require(validate_produced(result, rules, kNow, "fuzz-0", decompressor).is_ok());
}

}  // namespace

}  // namespace penstock::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::base::ByteReader reader({data, size});
  penstock::kafka::validate_one(reader);
  return 0;
}
