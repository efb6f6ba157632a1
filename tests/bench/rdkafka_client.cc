// A librdkafka client for the benchmark: writes or reads a number of records and prints one line of figures.
//
//   bench-rdkafka produce HOST:PORT TOPIC RECORDS BYTES [name=value]...
//   bench-rdkafka consume HOST:PORT TOPIC RECORDS PARTITIONS [name=value]...
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench-rdkafka: %s\n", what.c_str());
  std::exit(1);
}

struct Arguments {
  std::string mode;
  std::string bootstrap;
  std::string topic;
  long records = 0;
  long number = 0;  // Bytes of a record, or partitions.
  std::vector<std::pair<std::string, std::string>> properties;
};

Arguments parse(int argc, char** argv) {
  if (argc < 6) die("usage: produce|consume HOST:PORT TOPIC RECORDS BYTES|PARTITIONS [name=value]...");
  Arguments arguments{argv[1], argv[2], argv[3], std::atol(argv[4]), std::atol(argv[5]), {}};
  for (int i = 6; i < argc; ++i) {
    const char* equals = std::strchr(argv[i], '=');
    if (equals == nullptr) die(std::string("expected name=value: ") + argv[i]);
    arguments.properties.emplace_back(std::string(argv[i], static_cast<std::size_t>(equals - argv[i])),
                                      equals + 1);
  }
  return arguments;
}

rd_kafka_t* make_client(rd_kafka_type_t type, const Arguments& arguments, rd_kafka_conf_t* conf) {
  char error[256];
  auto properties = arguments.properties;
  properties.emplace_back("bootstrap.servers", arguments.bootstrap);
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK)
      die(error);
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, error, sizeof error);
  if (client == nullptr) die(error);
  return client;
}

void report(const char* mode, long records, long bytes, Clock::time_point begin) {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%s records=%ld bytes=%ld seconds=%.3f records_per_s=%.0f\n", mode, records, bytes, seconds,
              static_cast<double>(records) / seconds);
}

struct Delivered {
  long ok = 0;
  long failed = 0;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* delivered = static_cast<Delivered*>(opaque);
  ++(message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? delivered->ok : delivered->failed);
}

void produce(const Arguments& arguments) {
  Delivered delivered;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_conf_set_opaque(conf, &delivered);
  rd_kafka_t* client = make_client(RD_KAFKA_PRODUCER, arguments, conf);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, arguments.topic.c_str(), nullptr);
  std::string payload(static_cast<std::size_t>(arguments.number), '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>('A' + (i * 7919) % 57);
  const auto begin = Clock::now();
  for (long i = 0; i < arguments.records; ++i) {
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload.data(), payload.size(),
                            nullptr, 0, nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die(rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(client, 10);
    }
    if (i % 1000 == 0) rd_kafka_poll(client, 0);
  }
  if (rd_kafka_flush(client, 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR) die("flush timed out");
  if (delivered.ok != arguments.records)
    die("only " + std::to_string(delivered.ok) + " records were acknowledged");
  report("produce", delivered.ok, delivered.ok * arguments.number, begin);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
}

void consume(const Arguments& arguments) {
  rd_kafka_t* client = make_client(RD_KAFKA_CONSUMER, arguments, rd_kafka_conf_new());
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, arguments.topic.c_str(), nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  const auto begin = Clock::now();
  for (long partition = 0; partition < arguments.number; ++partition) {
    if (rd_kafka_consume_start_queue(topic, static_cast<std::int32_t>(partition), RD_KAFKA_OFFSET_BEGINNING,
                                     queue) != 0) {
      die(rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
  long records = 0;
  long bytes = 0;
  std::vector<rd_kafka_message_t*> messages(10'000);
  const auto deadline = begin + std::chrono::seconds(120);
  while (records < arguments.records) {
    if (Clock::now() > deadline) die("only " + std::to_string(records) + " records came within 120 s");
    const ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages.data(), messages.size());
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++records;
        bytes += static_cast<long>(message->len);
      }
      rd_kafka_message_destroy(message);
    }
  }
  report("consume", records, bytes, begin);
  for (long partition = 0; partition < arguments.number; ++partition) {
    rd_kafka_consume_stop(topic, static_cast<std::int32_t>(partition));
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.mode == "produce") {
    produce(arguments);
  } else if (arguments.mode == "consume") {
    consume(arguments);
  } else {
    die("unknown mode " + arguments.mode);
  }
  return 0;
}
