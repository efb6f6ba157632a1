#include "cli/rdkafka_handle.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kErrorTextBytes = 512;

// Names of Java's clients that have no meaning here.
constexpr std::array<std::string_view, 9> kIgnored = {
    "key.serializer",   "value.serializer", "key.deserializer",    "value.deserializer", "max.block.ms",
    "max.poll.records", "metric.reporters", "interceptor.classes", "partitioner.class"};

void on_error(rd_kafka_t*, int, const char* reason, void*) { report_client_error(reason); }
// The errors that matter come to on_error(); the log repeats them for every address and retry.
void on_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace

void report_client_error(std::string_view text) {
  static std::set<std::string, std::less<>> said;
  if (said.size() < 100 && said.emplace(text).second) fmt::print(stderr, "WARN {}\n", text);
}

RdKafkaConfig::RdKafkaConfig() : conf_(rd_kafka_conf_new()) {
  rd_kafka_conf_set_error_cb(conf_.get(), on_error);
  rd_kafka_conf_set_log_cb(conf_.get(), on_log);
}

Result<> RdKafkaConfig::set(const std::string& name, const std::string& value) {
  char text[kErrorTextBytes];
  if (rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text, sizeof text) == RD_KAFKA_CONF_OK)
    return {};
  return fail(Errc::kInvalidArgument, text);
}

Result<> RdKafkaConfig::set_java(const base::Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (std::ranges::find(kIgnored, name) != kIgnored.end()) continue;
    char text[kErrorTextBytes];
    const auto result = rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text, sizeof text);
    if (result == RD_KAFKA_CONF_UNKNOWN) {
      fmt::print(stderr, "WARN the configuration '{}' is not known here and is left out\n", name);
    } else if (result != RD_KAFKA_CONF_OK) {
      return fail(Errc::kInvalidArgument, text);
    }
  }
  return {};
}

Result<KafkaHandle> RdKafkaConfig::make(rd_kafka_type_t type) {
  char text[kErrorTextBytes];
  KafkaHandle handle(rd_kafka_new(type, conf_.get(), text, sizeof text));
  if (!handle) return fail(Errc::kInvalidArgument, text);
  (void)conf_.release();  // It belongs to the handle now.
  return handle;
}

}  // namespace penstock::cli
