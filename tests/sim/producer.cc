#include "tests/sim/producer.h"

#include <algorithm>

#include <fmt/core.h>

#include "kafka/messages/init_producer_id_request.h"
#include "kafka/messages/init_producer_id_response.h"
#include "kafka/record.h"
#include "kafka/record_batch_builder.h"

namespace penstock::sim {

using kafka::ErrorCode;

void Producer::start() {
  client_.reactor().post([this] { aio::start_detached(run(this)); });
}

aio::Task<> Producer::run(Producer* self) {
  while (!self->is_stopping_) {
    if (!self->options_.is_losable && self->producer_id_ < 0 && !co_await self->begin()) continue;
    co_await self->send_window();
    co_await self->client_.pause(base::milliseconds(40));
  }
  self->is_stopped_ = true;
}

aio::Task<bool> Producer::begin() {
  kafka::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = 60'000;
  const auto answer = co_await client_.call(client_.any_broker(), std::move(request));
  if (!answer || answer->error_code != 0) {
    co_await client_.pause(base::milliseconds(200));
    co_return false;
  }
  producer_id_ = answer->producer_id;
  producer_epoch_ = answer->producer_epoch;
  sequences_.clear();
  co_return true;
}

Producer::Batch Producer::make_batch(int partition) {
  Batch batch;
  const auto count = 1 + client_.random().below(5);
  kafka::RecordBatchOptions options;
  if (!options_.is_losable) {
    batch.sequence = sequences_[partition];
    options.producer_id = kafka::ProducerId(producer_id_);
    options.producer_epoch = kafka::ProducerEpoch(producer_epoch_);
    options.base_sequence = batch.sequence;
  }
  kafka::RecordBatchBuilder builder(options);
  for (std::uint64_t i = 0; i < count; ++i) {
    const History::Value value = next_value_++;
    batch.values.push_back(value);
    history_.sent(options_.history_base + partition, value);
    std::uint8_t bytes[kValueBytes];
    base::store_be(bytes, value);
    builder.append(client_.reactor().wall_ms(), std::nullopt, base::ByteSpan(bytes));
  }
  batch.records = kafka::RecordsRef::shared(*builder.build());
  sequences_[partition] += static_cast<std::int32_t>(count);
  return batch;
}

aio::Task<> Producer::send_window() {
  auto window = std::make_shared<Window>();
  window->partition =
      static_cast<int>(client_.random().below(static_cast<std::uint64_t>(options_.partitions)));
  const auto count = 1 + client_.random().below(options_.in_flight_max);
  for (std::uint64_t i = 0; i < count; ++i) window->batches.push_back(make_batch(window->partition));
  const std::int64_t producer = producer_id_;
  const auto is_done = [&] { return std::ranges::all_of(window->batches, &Batch::is_done); };
  int leader = 0;
  while (producer_id_ == producer && !is_done()) {
    leader = client_.leader_of(window->partition);
    if (leader > 0) co_await send_all(leader, window);
    if (is_done()) break;
    if (options_.is_losable && leader > 0) co_return;
    co_await client_.refresh(options_.topic);
    co_await client_.pause(base::milliseconds(100));
  }
  constexpr std::uint64_t kRepeatedOneIn = 10;
  if (options_.is_losable || producer_id_ != producer || client_.random().below(kRepeatedOneIn) != 0)
    co_return;
  const auto which = client_.random().below(window->batches.size());
  co_await repeat(leader, window->partition, window->batches[which]);
}

aio::Task<> Producer::send_all(int broker, std::shared_ptr<Window> window) {
  // With a connection each send() below writes its request at once, so they go out in this order.
  if (!co_await client_.open(broker)) co_return;
  window->all_answered = {};
  window->waiting = 1;
  for (std::size_t i = 0; i < window->batches.size(); ++i) {
    if (window->batches[i].is_done) continue;
    ++window->waiting;
    aio::start_detached(send(this, broker, window, i));
  }
  if (--window->waiting > 0) co_await window->all_answered.wait();
}

aio::Task<> Producer::send(Producer* self, int broker, std::shared_ptr<Window> window, std::size_t index) {
  const auto answer = co_await self->produce(broker, window->partition, window->batches[index]);
  if (answer) self->take_answer(*window, index, *answer);
  if (--window->waiting == 0) self->client_.reactor().post([window] { window->all_answered.set(true); });
}

aio::Task<base::Result<kafka::ProduceResponse>> Producer::produce(int broker, int partition,
                                                                  const Batch& batch) {
  kafka::ProduceRequest request;
  request.acks = options_.is_losable ? 1 : -1;
  request.timeout_ms = 1000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = options_.topic;
  topic.topic_id = client_.topic_id();
  topic.partition_data.push_back({.index = partition, .records = batch.records});
  co_return co_await client_.call(broker, std::move(request));
}

void Producer::take_answer(Window& window, std::size_t index, const kafka::ProduceResponse& response) {
  const int partition = options_.history_base + window.partition;
  Batch& batch = window.batches[index];
  if (response.responses.size() != 1 || response.responses[0].partition_responses.size() != 1) {
    history_.violation(fmt::format("partition {}: a produce response without its partition", partition));
    return;
  }
  const auto& result = response.responses[0].partition_responses[0];
  const auto code = static_cast<ErrorCode>(result.error_code);
  if (code == ErrorCode::kNone) {
    ++batches_acked_;
    batch.is_done = true;
    batch.offset = result.base_offset;
    if (options_.is_losable) return;
    for (std::size_t i = 0; i < batch.values.size(); ++i)
      history_.acked(partition, batch.values[i], batch.offset + static_cast<std::int64_t>(i));
    return;
  }
  if (kafka::is_retriable(code)) return;
  // One that overtook a batch before it, which is sent again too.
  const auto is_before = [&](const Batch& other) {
    return other.sequence < batch.sequence && !other.is_done;
  };
  if (code == ErrorCode::kOutOfOrderSequenceNumber && std::ranges::any_of(window.batches, is_before)) return;
  refuse(window.partition, code, result.error_message.value_or(""));
}

// Its sequence is lost with the data before it: begin anew. What is under way may be there or not.
void Producer::refuse(int partition, ErrorCode code, const std::string& message) {
  producer_id_ = -1;
  const bool is_sequence =
      code == ErrorCode::kOutOfOrderSequenceNumber || code == ErrorCode::kUnknownProducerId;
  if (may_lose_data_ && is_sequence) return;
  history_.violation(fmt::format("partition {}: a producer that does everything right is told {}: {}",
                                 options_.history_base + partition, kafka::error_name(code), message));
}

aio::Task<> Producer::repeat(int broker, int partition, Batch batch) {
  const auto answer = co_await produce(broker, partition, batch);
  if (!answer || answer->responses.size() != 1 || answer->responses[0].partition_responses.size() != 1)
    co_return;
  const auto& result = answer->responses[0].partition_responses[0];
  const auto code = static_cast<ErrorCode>(result.error_code);
  if (kafka::is_retriable(code) || code == ErrorCode::kDuplicateSequenceNumber) co_return;
  if (code != ErrorCode::kNone) {
    refuse(partition, code, "again: " + result.error_message.value_or(""));
  } else if (result.base_offset != batch.offset) {
    history_.violation(fmt::format("partition {}: the same batch is acknowledged at {} and then at {}",
                                   options_.history_base + partition, batch.offset, result.base_offset));
  }
}

}  // namespace penstock::sim
