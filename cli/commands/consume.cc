#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "cli/client_config.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/record_printer.h"
#include "cli/topic_consumer.h"

namespace penstock::cli {

namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr OptionSpec kOptions[] = {
    {"topic", "TOPIC", "The topic to read."},
    {"include", "REGEX", "Read every topic that matches."},
    {"bootstrap-server", "HOST:PORT", "Brokers to ask first, comma separated [localhost:9092]."},
    {"broker-list", "HOST:PORT", "The same."},
    {"from-beginning", "", "Start at the first record where the group has no offset yet."},
    {"group", "GROUP", "Read as a member of this consumer group, and commit."},
    {"partition", "N", "Read only this partition."},
    {"offset", "OFFSET", "With --partition: a number, 'earliest' or 'latest' [latest]."},
    {"max-messages", "N", "End after this many records."},
    {"timeout-ms", "MS", "End when no record has come for this long."},
    {"isolation-level", "LEVEL", "read_committed or read_uncommitted [read_uncommitted]."},
    {"formatter-property", "NAME=VALUE", "How records are written, see below; may be given again.", 0, true},
    {"property", "NAME=VALUE", "The same.", 0, true},
    {"formatter-config", "FILE", "The same, from a file."},
    {"command-property", "NAME=VALUE", "A property of the consumer; may be given again.", 0, true},
    {"consumer-property", "NAME=VALUE", "The same.", 0, true},
    {"command-config", "FILE", "Properties of the consumer."},
    {"consumer.config", "FILE", "The same."},
    {"skip-message-on-error", "", ""},
    {"enable-systest-events", "", ""},
    {"formatter", "CLASS", ""},
    {"key-deserializer", "CLASS", ""},
    {"value-deserializer", "CLASS", ""},
};

std::optional<std::string> take_property(base::Properties& properties, std::string_view name) {
  const auto found = properties.find(name);
  if (found == properties.end()) return std::nullopt;
  std::string value = std::move(found->second);
  properties.erase(found);
  return value;
}

Result<std::int64_t> read_start(const Options& options) {
  const auto text = options.value("offset");
  if (options.has("from-beginning") && text) {
    return fail(Errc::kInvalidArgument, "Options from-beginning and offset cannot be specified together.");
  }
  if (text && !options.has("partition")) {
    return fail(Errc::kInvalidArgument, "The partition is required when offset is specified.");
  }
  if (!text) return options.has("from-beginning") ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
  std::string lower = *text;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "earliest") return RD_KAFKA_OFFSET_BEGINNING;
  if (lower == "latest") return RD_KAFKA_OFFSET_END;
  std::int64_t offset = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), offset);
  if (error != std::errc() || end != text->data() + text->size() || offset < 0) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format(
            "The provided offset value '{}' is incorrect. Valid values are 'earliest', 'latest', or a "
            "non-negative long.",
            *text));
  }
  return offset;
}

Result<ConsumeRequest> read_request(const Options& options) {
  ConsumeRequest request;
  if (options.has("topic") == options.has("include")) {
    return fail(Errc::kInvalidArgument, options.has("topic")
                                            ? "Exactly one of --topic and --include is needed, not both."
                                            : "Missing required argument \"[topic]\"");
  }
  request.is_pattern = options.has("include");
  request.topic = options.value_or(request.is_pattern ? "include" : "topic", "");
  TRY_ASSIGN(request.consumer_properties, properties_of(options, {"consumer.config", "command-config"},
                                                        {"consumer-property", "command-property"}));
  TRY_ASSIGN(const auto bootstrap, bootstrap_of(options, request.consumer_properties));
  request.bootstrap = join(bootstrap);
  take_property(request.consumer_properties, "bootstrap.servers");
  request.group = take_property(request.consumer_properties, "group.id");
  if (const auto group = options.value("group")) request.group = group;
  if (!request.group && request.is_pattern) request.group = "console-consumer-include";
  TRY_ASSIGN(request.start_offset, read_start(options));
  if (const auto reset = take_property(request.consumer_properties, "auto.offset.reset");
      reset && !options.has("offset")) {
    request.start_offset = *reset == "earliest" ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
  }
  TRY_ASSIGN(const auto partition, options.number("partition", 0, INT32_MAX));
  if (partition && request.is_pattern) {
    return fail(Errc::kInvalidArgument, "The topic is required when partition is specified.");
  }
  if (partition) request.partition = static_cast<std::int32_t>(*partition);
  TRY_ASSIGN(request.messages_max, options.number("max-messages", -1, INT64_MAX));
  if (request.messages_max == -1) request.messages_max.reset();
  TRY_ASSIGN(request.timeout_ms, options.number("timeout-ms", 0, INT32_MAX));
  request.isolation_level = options.value_or("isolation-level", request.isolation_level);
  return request;
}

OutputRecord to_output(const rd_kafka_message_t& message) {
  OutputRecord record;
  record.partition = message.partition;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) record.timestamp = timestamp;
  record.is_log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
  const auto text = [](const void* data, std::size_t size) -> std::optional<std::string_view> {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), size);
  };
  record.key = text(message.key, message.key_len);
  record.value = text(message.payload, message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      record.headers.emplace_back(name, text(value, size));
    }
  }
  return record;
}

// Reads until an end is met. `count` is what was written out, also when it fails.
Result<> read_and_print(TopicConsumer& consumer, const ConsumeRequest& request, const RecordPrinter& printer,
                        std::int64_t& count) {
  using Clock = std::chrono::steady_clock;
  constexpr int kPollMs = 200;
  std::string out;
  auto last_record = Clock::now();
  while (!is_interrupted() && (!request.messages_max || count < *request.messages_max)) {
    int wait_ms = kPollMs;
    if (request.timeout_ms) {
      const auto idle =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last_record).count();
      if (idle >= *request.timeout_ms) return fail(Errc::kTimedOut, "no record came in time");
      wait_ms = static_cast<int>(std::min<std::int64_t>(kPollMs, *request.timeout_ms - idle));
    }
    TRY_ASSIGN(const KafkaMessage message, consumer.poll(wait_ms));
    if (!message) {
      std::fflush(stdout);
      continue;
    }
    out.clear();
    printer.append(to_output(*message), out);
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) {
      return fail(Errc::kIo, "Unable to write to standard out, closing consumer.");
    }
    ++count;
    consumer.store(*message);
    last_record = Clock::now();
  }
  return {};
}

Result<int> run_consume(const Options& options) {
  TRY_ASSIGN(const ConsumeRequest request, read_request(options));
  TRY_ASSIGN(const auto formatting,
             properties_of(options, {"formatter-config"}, {"property", "formatter-property"}));
  const RecordPrinter printer(formatting);
  catch_interrupts();
  std::int64_t count = 0;
  Result<> done;
  {
    TRY_ASSIGN(TopicConsumer consumer, TopicConsumer::open(request));
    done = read_and_print(consumer, request, printer, count);
    std::fflush(stdout);
  }
  // Silence for --timeout-ms is how a bounded read ends, not a failure.
  const bool is_quiet = !done && done.error().code() == Errc::kTimedOut;
  if (!done && !is_quiet) fmt::print(stderr, "ERROR {}\n", done.error().what());
  fmt::print(stderr, "Processed a total of {} messages\n", count);
  return done || is_quiet ? 0 : 1;
}

}  // namespace

extern const Command consume_command;
const Command consume_command = {
    .name = "consume",
    .tool_name = "kafka-console-consumer",
    .summary = "Write the records of a topic to standard output.",
    .synopsis = "--topic TOPIC [options]",
    .details =
        "formatter properties: print.key, print.value [true], print.headers, print.partition, print.offset,\n"
        "print.timestamp, key.separator [tab], line.separator [newline], headers.separator [,], "
        "null.literal.\n\n"
        "examples:\n"
        "  kafka-console-consumer.sh --topic test --from-beginning --property print.key=true\n"
        "  kafka-console-consumer.sh --topic test --group readers --timeout-ms 5000",
    .options = kOptions,
    .run = run_consume,
};

}  // namespace penstock::cli
