// librdkafka's objects, owned, and its configuration made from Java's property names.
//
// Threads: one thread, besides librdkafka's own.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/config.h"
#include "base/error.h"

namespace penstock::cli {

// A librdkafka type and the function that frees it.
template <typename T, void (*kFree)(T*)>
struct RdKafkaFree {
  void operator()(T* object) const { kFree(object); }
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, RdKafkaFree<rd_kafka_t, rd_kafka_destroy>>;
using KafkaMessage =
    std::unique_ptr<rd_kafka_message_t, RdKafkaFree<rd_kafka_message_t, rd_kafka_message_destroy>>;
using KafkaPartitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t,
                    RdKafkaFree<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>>;

// Collects settings and then makes a producer or consumer of them.
class RdKafkaConfig {
 public:
  RdKafkaConfig();

  // librdkafka's own names. ERRORS: kInvalidArgument in librdkafka's words.
  base::Result<> set(const std::string& name, const std::string& value);
  // Java's: most are librdkafka's too; those that mean nothing to it are left out, unknown ones with a
  // warning. ERRORS: kInvalidArgument for a bad value.
  base::Result<> set_java(const base::Properties& properties);

  rd_kafka_conf_t* raw() { return conf_.get(); }
  // ERRORS: kInvalidArgument. The configuration is used up.
  base::Result<KafkaHandle> make(rd_kafka_type_t type);

 private:
  std::unique_ptr<rd_kafka_conf_t, RdKafkaFree<rd_kafka_conf_t, rd_kafka_conf_destroy>> conf_;
};

// Says each different error once, on stderr: "penstock: localhost:9092: Connection refused".
void report_client_error(std::string_view text);

}  // namespace penstock::cli
