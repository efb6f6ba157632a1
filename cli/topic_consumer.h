// Reading a topic with librdkafka: as a member of a group, or all partitions (or one) without a group.
//
// Threads: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/config.h"
#include "base/error.h"
#include "cli/rdkafka_handle.h"

namespace penstock::cli {

struct ConsumeRequest {
  std::string topic;
  bool is_pattern = false;  // `topic` is a regular expression (--include).
  std::string bootstrap;
  std::optional<std::string> group;
  std::optional<std::int32_t> partition;
  std::int64_t start_offset = RD_KAFKA_OFFSET_END;  // Where partitions without a committed offset start.
  std::optional<std::int64_t> messages_max;
  std::optional<std::int64_t> timeout_ms;
  std::string isolation_level = "read_uncommitted";
  base::Properties consumer_properties;
};

class TopicConsumer {
 public:
  // ERRORS: kInvalidArgument (a bad property), kUnavailable.
  static base::Result<TopicConsumer> open(const ConsumeRequest& request);
  TopicConsumer(TopicConsumer&&) = default;
  TopicConsumer& operator=(TopicConsumer&&) = delete;
  // Leaves the group and commits what was stored.
  ~TopicConsumer();

  // The next record, or null when none came in time. Errors that pass by themselves are reported and waited
  // out. ERRORS: kUnavailable, kPermissionDenied: what ends the consumer.
  base::Result<KafkaMessage> poll(int timeout_ms);
  // The record was written out: the group may go on behind it.
  void store(const rd_kafka_message_t& message);

 private:
  TopicConsumer(KafkaHandle handle, const ConsumeRequest& request)
      : handle_(std::move(handle)), request_(&request) {}
  base::Result<> start();
  // Without a group: takes over partitions that appeared since the last look.
  void look_for_partitions();

  KafkaHandle handle_;
  const ConsumeRequest* request_;
  std::int32_t assigned_ = 0;  // Partitions 0 to this, without a group.
  std::int64_t look_again_ms_ = 0;
};

}  // namespace penstock::cli
