#include "broker/coordinator/group/group_loader.h"

#include <utility>

#include <fmt/format.h>

#include "broker/coordinator/group/group_shard.h"
#include "kafka/compression.h"
#include "kafka/record_batch.h"

namespace penstock::coordinator {

namespace {

// A batch is at most message.max.bytes; compressed offsets shrink well, so allow much more.
constexpr std::size_t kDecompressedBytesMax = 256 << 20;

base::Result<> replay_batch(const kafka::RecordBatchView& batch, kafka::Decompressor& decompressor,
                            GroupShard& shard, std::int64_t wall_ms) {
  if (!batch.is_crc_valid())
    return base::fail(base::Errc::kCorrupt, fmt::format("offset {}: bad checksum", batch.base_offset()));
  TRY_ASSIGN(const base::ByteSpan records, batch.records(decompressor, kDecompressedBytesMax));
  kafka::RecordCursor cursor(batch, records);
  kafka::Record record;
  while (cursor.next(record)) {
    if (batch.is_control()) {
      const auto type = kafka::control_type(record);
      if (type == kafka::ControlType::kCommit || type == kafka::ControlType::kAbort)
        shard.end_transaction(batch.producer_id(), type == kafka::ControlType::kCommit, record.offset,
                              wall_ms);
      continue;
    }
    if (!record.key) continue;  // Not a coordinator's record; compaction would refuse it, too.
    const kafka::ProducerId transaction =
        batch.is_transactional() ? batch.producer_id() : kafka::kNoProducerId;
    if (auto done = shard.replay(record.offset, transaction, *record.key, record.value, wall_ms); !done)
      return base::fail(done.error().context(fmt::format("offset {}", record.offset)));
  }
  if (cursor.failed())
    return base::fail(base::Errc::kCorrupt,
                      fmt::format("offset {}: {}", batch.base_offset(), cursor.failure()));
  return {};
}

}  // namespace

aio::Task<base::Result<>> load_shard(CoordinatorLog& log, GroupShard& shard, std::size_t buffer_bytes,
                                     std::int64_t wall_ms, const bool& is_stopped) {
  kafka::Decompressor decompressor;
  kafka::Offset at = log.start_offset();
  while (!is_stopped && at < log.end_offset()) {
    CO_TRY_ASSIGN(const base::Bytes bytes, co_await log.read(at, buffer_bytes));
    kafka::BatchCursor cursor(bytes);
    bool has_advanced = false;
    while (true) {
      CO_TRY_ASSIGN(const auto batch, cursor.next());
      if (!batch) break;
      // The first batch may begin before the offset that was asked for.
      if (batch->last_offset() < at) continue;
      CO_TRY(replay_batch(*batch, decompressor, shard, wall_ms));
      at = batch->next_offset();
      has_advanced = true;
    }
    // Only what compaction has removed is left.
    if (!has_advanced) break;
  }
  co_return base::Result<>();
}

}  // namespace penstock::coordinator
