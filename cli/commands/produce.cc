#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "cli/client_config.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/rdkafka_handle.h"

namespace penstock::cli {

namespace {

using base::Errc;
using base::fail;
using base::Properties;
using base::Result;

constexpr OptionSpec kOptions[] = {
    {"topic", "TOPIC", "The topic to write to."},
    {"bootstrap-server", "HOST:PORT", "Brokers to ask first, comma separated [localhost:9092]."},
    {"broker-list", "HOST:PORT", "The same."},
    {"reader-property", "NAME=VALUE", "How lines become records, see below; may be given again.", 0, true},
    {"property", "NAME=VALUE", "The same.", 0, true},
    {"reader-config", "FILE", "The same, from a file."},
    {"command-property", "NAME=VALUE", "A property of the producer; may be given again.", 0, true},
    {"producer-property", "NAME=VALUE", "The same.", 0, true},
    {"command-config", "FILE", "Properties of the producer."},
    {"producer.config", "FILE", "The same."},
    {"request-required-acks", "ACKS", "Replicas that must have a record: 0, 1, or -1 (all) [-1]."},
    {"compression-codec", "CODEC", "none, gzip, snappy, lz4 or zstd.", 0, false, "gzip"},
    {"sync", "", "Wait for each record before reading the next line."},
    {"batch-size", "BYTES", "Largest batch for one partition."},
    {"timeout", "MS", "How long a record may wait for others [5]."},
    {"request-timeout-ms", "MS", "How long a request may take."},
    {"message-send-max-retries", "N", "How often a request is tried again."},
    {"retry-backoff-ms", "MS", "Pause before it is tried again."},
    {"metadata-expiry-ms", "MS", ""},
    {"max-block-ms", "MS", ""},
    {"max-memory-bytes", "BYTES", ""},
    {"max-partition-memory-bytes", "BYTES", ""},
    {"socket-buffer-size", "BYTES", ""},
    {"line-reader", "CLASS", ""},
};

// Options that are another name of a property.
constexpr std::pair<std::string_view, const char*> kProperties[] = {
    {"request-required-acks", "acks"},
    {"compression-codec", "compression.type"},
    {"batch-size", "batch.size"},
    {"max-partition-memory-bytes", "batch.size"},
    {"timeout", "linger.ms"},
    {"request-timeout-ms", "request.timeout.ms"},
    {"message-send-max-retries", "message.send.max.retries"},
    {"retry-backoff-ms", "retry.backoff.ms"},
    {"metadata-expiry-ms", "metadata.max.age.ms"},
    {"socket-buffer-size", "socket.send.buffer.bytes"},
};

struct Delivery {
  std::int64_t failed = 0;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  ++static_cast<Delivery*>(opaque)->failed;
  fmt::print(stderr, "ERROR Error when sending message to topic {} with key: {}, value: {} with error: {}\n",
             rd_kafka_topic_name(message->rkt),
             message->key == nullptr ? "null" : fmt::format("{} bytes", message->key_len),
             message->payload == nullptr ? "null" : fmt::format("{} bytes", message->len),
             rd_kafka_err2str(message->err));
}

Result<KafkaHandle> make_producer(const Options& options, Delivery& delivery) {
  TRY_ASSIGN(auto properties, properties_of(options, {"producer.config", "command-config"},
                                            {"producer-property", "command-property"}));
  TRY_ASSIGN(const auto bootstrap, bootstrap_of(options, properties));
  properties.erase("bootstrap.servers");
  RdKafkaConfig config;
  TRY(config.set("bootstrap.servers", join(bootstrap)));
  TRY(config.set("client.id", "console-producer"));
  TRY(config.set("message.timeout.ms", "120000"));
  TRY(config.set("partitioner", "murmur2_random"));  // Java's: equal keys go to equal partitions.
  for (const auto& [option, property] : kProperties) {
    const auto value = options.value(option);
    if (value && !properties.contains(property)) properties[property] = *value;
  }
  const auto acks = properties.find("acks");
  const bool is_all = acks == properties.end() || acks->second == "-1" || acks->second == "all";
  if (is_all && !properties.contains("enable.idempotence")) TRY(config.set("enable.idempotence", "true"));
  TRY(config.set_java(properties));
  rd_kafka_conf_set_dr_msg_cb(config.raw(), on_delivery);
  rd_kafka_conf_set_opaque(config.raw(), &delivery);
  return config.make(RD_KAFKA_PRODUCER);
}

// Returns when the record is in librdkafka's queue, which is bounded.
Result<> send(rd_kafka_t* producer, const std::string& topic, const InputRecord& record) {
  const auto data = [](const std::optional<std::string>& text) -> void* {
    return text ? const_cast<char*>(text->data()) : nullptr;
  };
  while (!is_interrupted()) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [key, value] : record.headers) {
      rd_kafka_header_add(headers, key.data(), static_cast<ssize_t>(key.size()), data(value),
                          value ? static_cast<ssize_t>(value->size()) : 0);
    }
    rd_kafka_vu_t parts[5]{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[1].u.i = RD_KAFKA_MSG_F_COPY;
    parts[2].vtype = RD_KAFKA_VTYPE_KEY;
    parts[2].u.mem = {data(record.key), record.key ? record.key->size() : 0};
    parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[3].u.mem = {data(record.value), record.value ? record.value->size() : 0};
    parts[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[4].u.headers = headers;
    const std::unique_ptr<rd_kafka_error_t, RdKafkaFree<rd_kafka_error_t, rd_kafka_error_destroy>> error(
        rd_kafka_produceva(producer, parts, std::size(parts)));
    if (!error) return {};
    rd_kafka_headers_destroy(headers);
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return fail(Errc::kInvalidArgument, rd_kafka_error_string(error.get()));
    }
    rd_kafka_poll(producer, 100);
  }
  return {};
}

Result<> read_and_send(rd_kafka_t* producer, const std::string& topic, LineReader& reader, bool is_sync) {
  constexpr std::size_t kReadBytes = 64 << 10;
  const bool prompts = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  std::string buffer(kReadBytes, '\0');
  LineSplitter lines;
  for (bool is_end = false; !is_end && !is_interrupted();) {
    if (prompts) {
      fmt::print(">");
      std::fflush(stdout);
    }
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(base::Error::from_errno(errno, "read standard input"));
    is_end = size == 0;
    lines.add(std::string_view(buffer).substr(0, static_cast<std::size_t>(size)));
    while (const auto line = lines.next(is_end)) {
      TRY_ASSIGN(const InputRecord record, reader.read(*line));
      TRY(send(producer, topic, record));
      while (is_sync && !is_interrupted() && rd_kafka_outq_len(producer) > 0) rd_kafka_poll(producer, 100);
    }
    rd_kafka_poll(producer, 0);
  }
  return {};
}

Result<int> run_produce(const Options& options) {
  const auto topic = options.value("topic");
  if (!topic) return fail(Errc::kInvalidArgument, "Missing required argument \"[topic]\"");
  TRY_ASSIGN(const Properties reader_properties,
             properties_of(options, {"reader-config"}, {"property", "reader-property"}));
  TRY_ASSIGN(LineReader reader, LineReader::make(reader_properties));
  Delivery delivery;
  TRY_ASSIGN(const KafkaHandle producer, make_producer(options, delivery));
  catch_interrupts();
  const auto done = read_and_send(producer.get(), *topic, reader, options.has("sync"));
  if (!done) fmt::print(stderr, "ERROR {}\n", done.error().what());
  // What was read is sent, however long it takes: librdkafka gives each record up in its own time.
  while (rd_kafka_flush(producer.get(), 1000) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
  }
  return done && delivery.failed == 0 ? 0 : 1;
}

}  // namespace

extern const Command produce_command;
const Command produce_command = {
    .name = "produce",
    .tool_name = "kafka-console-producer",
    .summary = "Write lines of standard input to a topic.",
    .synopsis = "--topic TOPIC [options]",
    .details =
        "reader properties: parse.key, key.separator [tab], parse.headers, headers.delimiter [tab],\n"
        "headers.separator [,], headers.key.separator [:], null.marker, ignore.error.\n"
        "With both, a line is h1:v1,h2:v2<tab>key<tab>value.\n\n"
        "example:\n"
        "  echo 'id7:hello' | kafka-console-producer.sh --topic test --property parse.key=true \\\n"
        "      --property key.separator=:",
    .options = kOptions,
    .run = run_produce,
};

}  // namespace penstock::cli
