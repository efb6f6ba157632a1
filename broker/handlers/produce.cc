// Produce: appends batches; answered as acks asks (KIP-98 sequences, KIP-516 topic ids, KIP-951 leader
// hints).
//
// Records are not copied: they lie in the connection's receive buffer, are patched there and appended from
// it.
#include <algorithm>

#include "base/log.h"
#include "broker/handlers/access.h"
#include "broker/handlers/partition_lookup.h"
#include "broker/handlers/topic_view.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/replica_manager.h"
#include "kafka/messages/produce_request.h"
#include "kafka/messages/produce_response.h"
#include "kafka/record_batch.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::ProduceRequest;
using kafka::ProduceResponse;
using replication::AppendOutcome;
using security::Operation;
using PartitionResponse = ProduceResponse::PartitionProduceResponse;

constexpr base::Logger log("handlers");
constexpr std::int16_t kFirstVersionWithTopicIds = 13;
// The one client that may write to internal topics, as in Kafka.
constexpr std::string_view kAdminClient = "__admin_client";

class Produce {
 public:
  Produce(RequestContext& context, ProduceRequest request)
      : context_(context), request_(std::move(request)), image_(context.services.images->current()) {}

  aio::Task<Reply> run() {
    if (!is_transaction_allowed()) {
      refuse_all(ErrorCode::kTransactionalIdAuthorizationFailed);
    } else if (request_.acks < -1 || request_.acks > 1) {
      refuse_all(ErrorCode::kInvalidRequiredAcks);
    } else {
      prepare();
      const std::vector<AppendOutcome> outcomes =
          co_await context_.services.replicas->produce(context_.reactor, std::move(batch_));
      for (std::size_t i = 0; i < outcomes.size(); ++i) fill(rows_[i], outcomes[i]);
    }
    co_return reply();
  }

 private:
  // Where the outcome of an item goes.
  struct Row {
    std::size_t topic;
    std::size_t partition;
    std::int32_t leader_id;
    std::int32_t leader_epoch;
  };

  bool is_transaction_allowed() const {
    if (!request_.transactional_id) return true;
    return may(context_, Operation::kWrite, security::ResourceKind::kTransactionalId,
               *request_.transactional_id);
  }

  void prepare() {
    batch_.acks = request_.acks;
    batch_.produce_version = context_.api_version;
    batch_.timeout = base::milliseconds(std::max(request_.timeout_ms, 0));
    batch_.owner = context_.frame;
    response_.responses.reserve(request_.topic_data.size());
    for (const ProduceRequest::TopicProduceData& topic : request_.topic_data) prepare_topic(topic);
  }

  void prepare_topic(const ProduceRequest::TopicProduceData& data) {
    const bool is_by_id = context_.api_version >= kFirstVersionWithTopicIds;
    const TopicLookup topic = look_up_topic(*image_, data.name, data.topic_id, is_by_id);
    const std::string_view name = topic.topic ? std::string_view(topic.topic->name) : data.name;
    ErrorCode error = topic.error;
    // What may not be written is not told apart from what is not there.
    if (!is_by_id || topic.topic) {
      if (!may_on_topic(context_, Operation::kWrite, name)) {
        error = ErrorCode::kTopicAuthorizationFailed;
      } else if (error == ErrorCode::kNone && is_internal_topic(name) && context_.client_id != kAdminClient) {
        error = ErrorCode::kInvalidTopicException;
      }
    }
    auto& response = response_.responses.emplace_back();
    response.name = data.name;
    response.topic_id = data.topic_id;
    response.partition_responses.reserve(data.partition_data.size());
    for (const ProduceRequest::PartitionProduceData& partition : data.partition_data) {
      PartitionResponse& row = add_row(response, partition.index);
      if (error != ErrorCode::kNone) {
        row.error_code = kafka::to_wire(error);
      } else {
        prepare_partition(*topic.topic, partition, row);
      }
    }
  }

  void prepare_partition(const metadata::Topic& topic, const ProduceRequest::PartitionProduceData& data,
                         PartitionResponse& row) {
    const PartitionLookup found = look_up_partition(topic, data.index, context_.services.node_id);
    if (found.error != ErrorCode::kNone) {
      refuse(row, found.error, found.leader_id, found.leader_epoch);
      return;
    }
    const base::ByteSpan records = data.records ? data.records->bytes : base::ByteSpan();
    // The receive buffer is ours, and nobody else reads these bytes: patching them saves a copy.
    auto* bytes = const_cast<std::uint8_t*>(records.data());
    batch_.items.push_back({.key = found.key, .records = {bytes, records.size()}});
    rows_.push_back({.topic = response_.responses.size() - 1,
                     .partition = response_.responses.back().partition_responses.size() - 1,
                     .leader_id = found.leader_id,
                     .leader_epoch = found.leader_epoch});
  }

  static PartitionResponse& add_row(ProduceResponse::TopicProduceResponse& topic, std::int32_t index) {
    PartitionResponse& row = topic.partition_responses.emplace_back();
    row.index = index;
    row.base_offset = -1;
    return row;
  }

  void refuse(PartitionResponse& row, ErrorCode error, std::int32_t leader_id, std::int32_t leader_epoch) {
    row.error_code = kafka::to_wire(error);
    if (context_.api_version < 10 || !tells_leader(error)) return;
    row.current_leader = {.leader_id = leader_id, .leader_epoch = leader_epoch};
    add_endpoint(context_, *image_, leader_id, response_.node_endpoints);
  }

  void refuse_all(ErrorCode error) {
    for (const ProduceRequest::TopicProduceData& data : request_.topic_data) {
      auto& topic = response_.responses.emplace_back();
      topic.name = data.name;
      topic.topic_id = data.topic_id;
      for (const auto& partition : data.partition_data) {
        add_row(topic, partition.index).error_code = kafka::to_wire(error);
      }
    }
  }

  void fill(const Row& where, const AppendOutcome& outcome) {
    PartitionResponse& row = response_.responses[where.topic].partition_responses[where.partition];
    row.base_offset = outcome.base_offset.value();
    row.log_append_time_ms = outcome.log_append_time_ms;
    row.log_start_offset = outcome.log_start_offset.value();
    if (outcome.is_ok()) return;
    refuse(row, outcome.error, where.leader_id, where.leader_epoch);
    if (!outcome.message.empty()) row.error_message = outcome.message;
    row.record_errors.reserve(outcome.record_errors.size());
    for (const kafka::RecordError& error : outcome.record_errors) {
      row.record_errors.push_back(
          {.batch_index = error.batch_index, .batch_index_error_message = error.message});
    }
  }

  Reply reply() const {
    if (request_.acks != 0) return reply_with(context_, response_);
    for (const auto& topic : response_.responses) {
      for (const PartitionResponse& row : topic.partition_responses) {
        if (row.error_code == 0) continue;
        // There is no answer to put the error in; the producer learns of it by the end of the connection.
        log.info("closing the connection of {}: produce with acks=0 to {}-{} failed: {}",
                 context_.client_host, topic.name, row.index,
                 kafka::error_name(static_cast<ErrorCode>(row.error_code)));
        return closing_reply();
      }
    }
    return silent_reply();
  }

  RequestContext& context_;
  const ProduceRequest request_;
  const metadata::ImagePtr image_;
  ProduceResponse response_;
  replication::ProduceBatch batch_;
  std::vector<Row> rows_;  // One per item of the batch.
};

aio::Task<Reply> handle(RequestContext& context, base::ByteSpan body) {
  base::ByteReader reader(body);
  auto request = kafka::decode<ProduceRequest>(reader, context.api_version);
  if (!request) co_return malformed_reply(context, request.error());
  Produce produce(context, std::move(*request));
  co_return co_await produce.run();
}

}  // namespace

extern const Handler produce_handler{.key = kafka::ApiKey::kProduce,
                                     .lowest_version = ProduceRequest::kLowestVersion,
                                     .highest_version = ProduceRequest::kHighestVersion,
                                     .is_pipelined = true,
                                     .handle = &handle};

}  // namespace penstock::handlers
