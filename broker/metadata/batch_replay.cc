#include "broker/metadata/batch_replay.h"

#include <utility>

#include <fmt/format.h>

#include "kafka/compression.h"
#include "kafka/record.h"

namespace penstock::metadata {
namespace {

// Of the records in one batch.
constexpr std::size_t kBatchBytesMax = 64 << 20;

}  // namespace

base::Result<> visit_records(const kafka::RecordBatchView& batch,
                             const std::function<base::Result<>(Record)>& take) {
  if (batch.is_control()) return {};
  const auto refuse = [](const char* what, kafka::Offset offset, const base::Error& error) {
    return base::fail(error.context(fmt::format("metadata {} at offset {}", what, offset)));
  };
  kafka::Decompressor decompressor;
  const auto bytes = batch.records(decompressor, kBatchBytesMax);
  if (!bytes) return refuse("batch", batch.base_offset(), bytes.error());
  kafka::RecordCursor cursor(batch, *bytes);
  kafka::Record record;
  while (cursor.next(record)) {
    auto decoded = decode_record(record.value.value_or(base::ByteSpan{}));
    if (!decoded) return refuse("record", record.offset, decoded.error());
    if (auto taken = take(std::move(*decoded)); !taken) return refuse("record", record.offset, taken.error());
  }
  if (cursor.failed()) {
    return refuse("batch", batch.base_offset(), base::Error(base::Errc::kCorrupt, cursor.failure()));
  }
  return {};
}

base::Result<> replay_batch(const kafka::RecordBatchView& batch, ImageBuilder& into) {
  return visit_records(batch, [&](const Record& record) { return into.replay(record); });
}

}  // namespace penstock::metadata
