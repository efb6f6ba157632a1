#include "cli/topic_consumer.h"

#include <chrono>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::int64_t kLookAgainMs = 10'000;
constexpr std::int64_t kLookForMissingTopicMs = 500;
constexpr int kMetadataTimeoutMs = 2000;

std::int64_t monotonic_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Result<> check(rd_kafka_resp_err_t error, std::string_view what) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return fail(Errc::kUnavailable, fmt::format("{}: {}", what, rd_kafka_err2str(error)));
}

// The number of the topic's partitions as a broker says; 0 when there is no such topic or no answer.
std::int32_t partition_count(rd_kafka_t* consumer, const std::string& topic) {
  const std::unique_ptr<rd_kafka_topic_t, RdKafkaFree<rd_kafka_topic_t, rd_kafka_topic_destroy>> handle(
      rd_kafka_topic_new(consumer, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(consumer, 0, handle.get(), &metadata, kMetadataTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    report_client_error(fmt::format("metadata of {}: {}", topic, rd_kafka_err2str(error)));
    return 0;
  }
  const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> owned(
      metadata, rd_kafka_metadata_destroy);
  if (metadata->topic_cnt != 1) return 0;
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    report_client_error(fmt::format("topic {}: {}", topic, rd_kafka_err2str(found.err)));
    return 0;
  }
  return found.partition_cnt;
}

Result<> add_settings(RdKafkaConfig& config, const ConsumeRequest& request) {
  TRY(config.set("bootstrap.servers", request.bootstrap));
  TRY(config.set("client.id", "console-consumer"));
  // Without a group nothing is committed, but librdkafka wants a name.
  TRY(config.set("group.id", request.group.value_or("console-consumer")));
  TRY(config.set("enable.auto.commit", request.group ? "true" : "false"));
  TRY(config.set("enable.auto.offset.store", "false"));
  TRY(config.set("auto.offset.reset",
                 request.start_offset == RD_KAFKA_OFFSET_BEGINNING ? "earliest" : "latest"));
  TRY(config.set("isolation.level", request.isolation_level));
  TRY(config.set("allow.auto.create.topics", "true"));  // As Java's consumer does.
  return config.set_java(request.consumer_properties);
}

}  // namespace

Result<TopicConsumer> TopicConsumer::open(const ConsumeRequest& request) {
  RdKafkaConfig config;
  TRY(add_settings(config, request));
  TRY_ASSIGN(KafkaHandle handle, config.make(RD_KAFKA_CONSUMER));
  rd_kafka_poll_set_consumer(handle.get());
  TopicConsumer consumer(std::move(handle), request);
  TRY(consumer.start());
  return consumer;
}

TopicConsumer::~TopicConsumer() {
  if (handle_) rd_kafka_consumer_close(handle_.get());
}

Result<> TopicConsumer::start() {
  const KafkaPartitions partitions(rd_kafka_topic_partition_list_new(1));
  if (request_->partition) {
    rd_kafka_topic_partition_list_add(partitions.get(), request_->topic.c_str(), *request_->partition)
        ->offset = request_->start_offset;
    return check(rd_kafka_assign(handle_.get(), partitions.get()), "assign");
  }
  if (!request_->group && !request_->is_pattern) {
    look_for_partitions();
    return {};
  }
  // librdkafka takes a name that begins with '^' for an expression.
  const std::string name = request_->is_pattern ? fmt::format("^({})$", request_->topic) : request_->topic;
  rd_kafka_topic_partition_list_add(partitions.get(), name.c_str(), RD_KAFKA_PARTITION_UA);
  return check(rd_kafka_subscribe(handle_.get(), partitions.get()), "subscribe");
}

void TopicConsumer::look_for_partitions() {
  const std::int32_t count = partition_count(handle_.get(), request_->topic);
  if (count > assigned_) {
    // Those of the first look start where it was asked, later ones are new and are read from their beginning.
    const std::int64_t start =
        assigned_ == 0 ? request_->start_offset : std::int64_t{RD_KAFKA_OFFSET_BEGINNING};
    const KafkaPartitions partitions(rd_kafka_topic_partition_list_new(count - assigned_));
    for (std::int32_t i = assigned_; i < count; ++i) {
      rd_kafka_topic_partition_list_add(partitions.get(), request_->topic.c_str(), i)->offset = start;
    }
    if (rd_kafka_error_t* error = rd_kafka_incremental_assign(handle_.get(), partitions.get())) {
      report_client_error(rd_kafka_error_string(error));
      rd_kafka_error_destroy(error);
    } else {
      assigned_ = count;
    }
  }
  look_again_ms_ = monotonic_ms() + (assigned_ > 0 ? kLookAgainMs : kLookForMissingTopicMs);
}

Result<KafkaMessage> TopicConsumer::poll(int timeout_ms) {
  const bool is_alone = !request_->group && !request_->partition && !request_->is_pattern;
  if (is_alone && monotonic_ms() >= look_again_ms_) look_for_partitions();
  KafkaMessage message(rd_kafka_consumer_poll(handle_.get(), timeout_ms));
  if (!message || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return message;
  const std::string text = rd_kafka_message_errstr(message.get()) != nullptr
                               ? rd_kafka_message_errstr(message.get())
                               : rd_kafka_err2str(message->err);
  if (message->err == RD_KAFKA_RESP_ERR__FATAL ||
      message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
      message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    return fail(Errc::kPermissionDenied, text);
  }
  if (message->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) return fail(Errc::kUnavailable, text);
  if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) report_client_error(text);
  return KafkaMessage();
}

void TopicConsumer::store(const rd_kafka_message_t& message) {
  if (!request_->group) return;
  const KafkaPartitions partitions(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(partitions.get(), rd_kafka_topic_name(message.rkt), message.partition)
      ->offset = message.offset + 1;
  rd_kafka_offsets_store(handle_.get(),
                         partitions.get());  // Fails only when the partition was just taken away.
}

}  // namespace penstock::cli
