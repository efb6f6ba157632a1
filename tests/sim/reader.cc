#include "tests/sim/reader.h"

#include <algorithm>

#include <fmt/core.h>

#include "kafka/error_codes.h"
#include "kafka/record.h"
#include "kafka/record_batch.h"

namespace penstock::sim {

using kafka::ErrorCode;

void Reader::start() {
  client_.reactor().post([this] { aio::start_detached(run(this)); });
}

void Reader::start_final_read() {
  is_done_ = false;
  client_.reactor().post([this] { aio::start_detached(run_final(this)); });
}

void Reader::rewind(int partition, std::int64_t offset) {
  positions_[partition] = std::min(positions_[partition], offset);
}

aio::Task<> Reader::run(Reader* self) {
  while (!self->is_stopping_) {
    for (int partition = 0; partition < self->options_.partitions; ++partition)
      (void)co_await self->read_once(partition);
    co_await self->client_.pause(base::milliseconds(50));
  }
}

aio::Task<> Reader::run_final(Reader* self) {
  for (int partition = 0; partition < self->options_.partitions; ++partition) {
    const int name = self->options_.history_base + partition;
    self->history_.begin_final_read(name);
    self->positions_[partition] = 0;
    // A new leader may not know yet how much is committed.
    const std::int64_t acked = self->history_.acked_end(name);
    std::int64_t end = -1;
    while (end < acked || self->positions_[partition] < end) end = co_await self->read_once(partition);
    self->history_.end_final_read(name, end);
  }
  self->is_done_ = true;
}

aio::Task<std::int64_t> Reader::read_once(int partition) {
  const int leader = client_.leader_of(partition);
  if (leader > 0) {
    kafka::FetchRequest request;
    request.max_wait_ms = 20;
    request.min_bytes = 1;
    auto& topic = request.topics.emplace_back();
    topic.topic = options_.topic;
    topic.topic_id = client_.topic_id();
    const std::int64_t asked = positions_[partition];
    topic.partitions.push_back({.partition = partition,
                                .current_leader_epoch = client_.leader_epoch_of(partition),
                                .fetch_offset = asked,
                                .partition_max_bytes = 1 << 20});
    const auto answer = co_await client_.call(leader, std::move(request));
    if (answer && answer->error_code == 0 && answer->responses.size() == 1 &&
        answer->responses[0].partitions.size() == 1) {
      const auto& data = answer->responses[0].partitions[0];
      if (data.error_code == 0 && positions_[partition] == asked) {
        history_.high_watermark(options_.history_base + partition, data.high_watermark,
                                options_.is_high_watermark_checked);
        if (data.records) take_records(partition, *data.records);
        co_return data.high_watermark;
      }
      take_error(partition, data, asked);
    }
  }
  co_await client_.refresh(options_.topic);
  co_await client_.pause(base::milliseconds(100));
  co_return -1;
}

void Reader::take_error(int partition, const kafka::FetchResponse::PartitionData& data, std::int64_t asked) {
  if (static_cast<ErrorCode>(data.error_code) != ErrorCode::kOffsetOutOfRange) return;
  const std::int64_t deletable = history_.deletable_below(options_.history_base + partition);
  if (asked >= deletable) {
    history_.violation(fmt::format("partition {}: offset {} is out of range of [{}, {})", partition, asked,
                                   data.log_start_offset, data.high_watermark));
  } else if (positions_[partition] == asked) {
    // What is below may be gone.
    positions_[partition] = deletable;
  }
}

void Reader::take_records(int partition, const kafka::RecordsRef& records) {
  kafka::BatchCursor batches(records.bytes);
  kafka::Decompressor decompressor;
  for (auto batch = batches.next(); batch && *batch; batch = batches.next()) {
    if (!(*batch)->is_crc_valid())
      history_.violation(fmt::format("partition {}: a batch with a wrong checksum is served", partition));
    const auto bytes = (*batch)->records(decompressor, 1 << 20);
    if (!bytes) {
      history_.violation(fmt::format("partition {}: {}", partition, bytes.error().what()));
      return;
    }
    kafka::RecordCursor cursor(**batch, *bytes);
    kafka::Record record;
    while (cursor.next(record)) {
      if (record.offset.value() < positions_[partition]) continue;
      if (!record.value || record.value->size() != kValueBytes) {
        history_.violation(
            fmt::format("partition {} offset {}: not what was sent", partition, record.offset.value()));
        continue;
      }
      history_.seen(options_.history_base + partition, record.offset.value(),
                    base::load_be<std::int64_t>(record.value->data()));
    }
    positions_[partition] = std::max(positions_[partition], (*batch)->next_offset().value());
  }
}

}  // namespace penstock::sim
