#include "tests/sim/client.h"

#include <fmt/core.h>

#include "base/aio/sleep.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/init_producer_id_request.h"
#include "kafka/messages/init_producer_id_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"
#include "kafka/record.h"
#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"

namespace penstock::sim {

using kafka::ErrorCode;

namespace {
constexpr std::uint16_t kPort = 9092;
constexpr std::size_t kValueBytes = 8;
}  // namespace

Client::Client(SimNetwork& network, std::string name, int brokers)
    : network_(network),
      brokers_(brokers),
      reactor_(network.scheduler()),
      transport_(network.transport(std::move(name), reactor_)) {}

aio::Task<base::Result<std::shared_ptr<kafka::Connection>>> Client::connection_to(int broker,
                                                                                  base::MonoTime deadline) {
  if (const auto found = connections_.find(broker); found != connections_.end()) {
    if (found->second->is_open()) co_return found->second;
    connections_.erase(found);
  }
  auto opened = co_await kafka::Connection::open(reactor_, *transport_, gate_,
                                                 {.host = fmt::format("n{}", broker), .port = kPort},
                                                 {.client_id = "sim"}, deadline);
  if (opened) connections_[broker] = *opened;
  co_return opened;
}

void Client::give_up(int broker, kafka::Connection& connection, const base::Error& reason) {
  connection.close(reason);
  const auto found = connections_.find(broker);
  if (found != connections_.end() && found->second.get() == &connection) connections_.erase(found);
}

int Client::leader_of(int partition) const {
  const auto found = leaders_.find(partition);
  return found == leaders_.end() ? 0 : found->second;
}

aio::Task<> Client::pause(base::Duration at_most) {
  const auto delay = 1 + random().below(static_cast<std::uint64_t>(at_most.count()));
  (void)co_await aio::sleep_for(reactor_, base::Duration(static_cast<std::int64_t>(delay)));
}

aio::Task<> Client::refresh(std::string topic) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics->push_back({.topic_id = {}, .name = topic});
  const auto answer = co_await call(any_broker(), std::move(request));
  if (!answer || answer->topics.empty() || answer->topics[0].error_code != 0) co_return;
  topic_id_ = answer->topics[0].topic_id;
  for (const auto& partition : answer->topics[0].partitions)
    leaders_[partition.partition_index] = std::max(partition.leader_id, 0);
}

aio::Task<> Client::create_topic(std::string topic, int partitions, int replicas,
                                 std::map<std::string, std::string> configs) {
  while (true) {
    kafka::CreateTopicsRequest request;
    request.timeout_ms = 1000;
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.num_partitions = partitions;
    wanted.replication_factor = static_cast<std::int16_t>(replicas);
    for (const auto& [name, value] : configs) wanted.configs.push_back({.name = name, .value = value});
    const auto answer = co_await call(any_broker(), std::move(request));
    if (answer && answer->topics.size() == 1) {
      const auto code = static_cast<ErrorCode>(answer->topics[0].error_code);
      if (code == ErrorCode::kNone || code == ErrorCode::kTopicAlreadyExists) co_return;
    }
    co_await pause(base::milliseconds(500));
  }
}

void Producer::start() {
  client_.reactor().post([this] { aio::start_detached(run(this)); });
}

aio::Task<> Producer::run(Producer* self) {
  while (!self->is_stopping_) {
    if (self->producer_id_ < 0 && !co_await self->begin()) continue;
    co_await self->send_one();
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

aio::Task<> Producer::send_one() {
  const int partition = static_cast<int>(client_.random().below(static_cast<std::uint64_t>(partitions_)));
  const auto count = 1 + client_.random().below(5);
  kafka::RecordBatchOptions options;
  options.producer_id = kafka::ProducerId(producer_id_);
  options.producer_epoch = kafka::ProducerEpoch(producer_epoch_);
  options.base_sequence = sequences_[partition];
  kafka::RecordBatchBuilder builder(options);
  std::vector<History::Value> values;
  for (std::uint64_t i = 0; i < count; ++i) {
    const History::Value value = next_value_++;
    values.push_back(value);
    history_.sent(partition, value);
    std::uint8_t bytes[kValueBytes];
    base::store_be(bytes, value);
    builder.append(client_.reactor().wall_ms(), std::nullopt, base::ByteSpan(bytes));
  }
  const auto records = kafka::RecordsRef::shared(*builder.build());
  const std::int64_t producer = producer_id_;
  while (producer_id_ == producer) {
    const int leader = client_.leader_of(partition);
    if (leader > 0) {
      kafka::ProduceRequest request;
      request.acks = -1;
      request.timeout_ms = 1000;
      auto& topic = request.topic_data.emplace_back();
      topic.name = topic_;
      topic.topic_id = client_.topic_id();
      topic.partition_data.push_back({.index = partition, .records = records});
      const auto answer = co_await client_.call(leader, std::move(request));
      if (answer && take_answer(leader, partition, values, *answer)) break;
    }
    co_await client_.refresh(topic_);
    co_await client_.pause(base::milliseconds(100));
  }
  sequences_[partition] += static_cast<std::int32_t>(count);
}

bool Producer::take_answer(int broker, int partition, const std::vector<History::Value>& values,
                           const kafka::ProduceResponse& response) {
  if (response.responses.size() != 1 || response.responses[0].partition_responses.size() != 1) {
    history_.violation(fmt::format("partition {}: a produce response without its partition", partition));
    return true;
  }
  const auto& result = response.responses[0].partition_responses[0];
  const auto code = static_cast<ErrorCode>(result.error_code);
  if (code == ErrorCode::kNone) {
    for (std::size_t i = 0; i < values.size(); ++i)
      history_.acked(partition, values[i], result.base_offset + static_cast<std::int64_t>(i), broker);
    ++batches_acked_;
    return true;
  }
  if (kafka::is_retriable(code)) return false;
  // Its sequence is lost with the data before it: begin anew. This batch may be there or not.
  producer_id_ = -1;
  const bool is_sequence =
      code == ErrorCode::kOutOfOrderSequenceNumber || code == ErrorCode::kUnknownProducerId;
  if (!may_lose_data_ || !is_sequence) {
    history_.violation(fmt::format("partition {}: a producer that does everything right is told {}",
                                   partition, kafka::error_name(code)));
  }
  return true;
}

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
    for (int partition = 0; partition < self->partitions_; ++partition)
      (void)co_await self->read_once(partition);
    co_await self->client_.pause(base::milliseconds(50));
  }
}

aio::Task<> Reader::run_final(Reader* self) {
  for (int partition = 0; partition < self->partitions_; ++partition) {
    self->history_.begin_final_read(partition);
    self->positions_[partition] = 0;
    std::int64_t end = -1;
    while (end < 0 || self->positions_[partition] < end) end = co_await self->read_once(partition);
    self->history_.end_final_read(partition, end);
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
    topic.topic = topic_;
    topic.topic_id = client_.topic_id();
    topic.partitions.push_back(
        {.partition = partition, .fetch_offset = positions_[partition], .partition_max_bytes = 1 << 20});
    const std::int64_t asked = positions_[partition];
    const auto answer = co_await client_.call(leader, std::move(request));
    if (answer && answer->error_code == 0 && answer->responses.size() == 1 &&
        answer->responses[0].partitions.size() == 1) {
      const auto& data = answer->responses[0].partitions[0];
      if (data.error_code == 0 && positions_[partition] == asked) {
        history_.high_watermark(partition, data.high_watermark);
        if (data.records) take_records(partition, *data.records);
        co_return data.high_watermark;
      }
      if (static_cast<ErrorCode>(data.error_code) == ErrorCode::kOffsetOutOfRange)
        history_.violation(fmt::format("partition {}: offset {} is out of range", partition, asked));
    }
  }
  co_await client_.refresh(topic_);
  co_await client_.pause(base::milliseconds(100));
  co_return -1;
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
      history_.seen(partition, record.offset.value(), base::load_be<std::int64_t>(record.value->data()),
                    (*batch)->leader_epoch().value());
    }
    positions_[partition] = std::max(positions_[partition], (*batch)->next_offset().value());
  }
}

}  // namespace penstock::sim
