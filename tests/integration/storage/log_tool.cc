// Writes and reads partition directories for the tests that hold our files against Apache Kafka's.
//
//   penstock-test-log write DIR          a log with every kind of batch, closed cleanly
//   penstock-test-log read DIR           what a log holds, one line of key=value
//   penstock-test-log append DIR COUNT   COUNT batches of one record behind what is there, closed cleanly
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "broker/storage/log.h"
#include "kafka/record.h"
#include "kafka/record_batch_builder.h"

namespace {

using namespace penstock;
using kafka::Offset;
using storage::Log;

base::PosixDisk disk;

[[noreturn]] void die(const base::Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  std::exit(1);
}

template <typename T>
T must(base::Result<T> result) {
  if (!result) die(result.error());
  return std::move(*result);
}
void must(base::Result<> result) {
  if (!result) die(result.error());
}

std::unique_ptr<Log> open_log(const std::string& directory, bool is_clean) {
  storage::LogOptions options;
  options.disk = &disk;
  options.directory = directory;
  options.is_clean = is_clean;
  options.config.segment_bytes = 50'000;
  return must(Log::open(std::move(options)));
}

void append(Log& log, base::Bytes bytes, std::int32_t epoch) {
  const storage::LeaderAppend how{.epoch = kafka::LeaderEpoch{epoch}, .now_ms = 1'700'000'000'000};
  const auto info = must(log.append_as_leader(bytes, how));
  if (info.error != kafka::ErrorCode::kNone) die(base::Error(base::Errc::kInternal, info.message));
}

base::Bytes make_batch(kafka::RecordBatchOptions options, int records, std::int64_t timestamp) {
  kafka::RecordBatchBuilder builder(options);
  for (int i = 0; i < records; ++i) {
    const std::string key = fmt::format("key-{}", i);
    const std::string value(200, static_cast<char>('a' + i % 26));
    builder.append(timestamp + i, base::as_bytes(key), base::as_bytes(value));
  }
  return must(builder.build());
}

void write_transactions(Log& log, std::int64_t timestamp) {
  for (const bool is_commit : {true, false}) {
    kafka::RecordBatchOptions options;
    options.producer_id = kafka::ProducerId{is_commit ? 2001 : 2002};
    options.producer_epoch = kafka::ProducerEpoch{3};
    options.base_sequence = 0;
    options.is_transactional = true;
    append(log, make_batch(options, 4, timestamp), 2);
    options.is_control = true;
    options.base_sequence = kafka::kNoSequence;
    append(log, kafka::end_transaction_marker(options, timestamp + 10, is_commit, 7), 2);
  }
}

void write(const std::string& directory) {
  auto log = open_log(directory, true);
  std::int32_t sequence = 0;
  for (int round = 0; round < 300; ++round) {
    const std::int64_t timestamp = 1'700'000'000'000 + round * 1000;
    kafka::RecordBatchOptions options;
    options.compression = static_cast<kafka::Compression>(round % 5);
    if (round % 7 == 0) {
      options.timestamp_type = kafka::TimestampType::kLogAppendTime;
      options.log_append_time_ms = timestamp;
    }
    if (round % 2 == 0) {
      options.producer_id = kafka::ProducerId{1000};
      options.producer_epoch = kafka::ProducerEpoch{1};
      options.base_sequence = sequence;
      sequence += 10;
    }
    append(*log, make_batch(options, 10, timestamp), round / 100);
    if (round == 250) write_transactions(*log, timestamp);
  }
  must(log->close());
}

void read(const std::string& directory) {
  auto log = open_log(directory, true);
  std::int64_t batches = 0;
  std::int64_t records = 0;
  kafka::Decompressor decompressor;
  Offset from = log->log_start_offset();
  while (from < log->log_end_offset()) {
    const auto result = must(log->read({.from = from, .is_memory_required = true}));
    kafka::BatchCursor cursor(result.records.bytes);
    while (const auto batch = must(cursor.next())) {
      if (!batch->is_crc_valid()) die(base::Error(base::Errc::kCorrupt, "bad checksum"));
      kafka::RecordCursor each(*batch, must(batch->records(decompressor, 64 << 20)));
      for (kafka::Record record; each.next(record); ++records) continue;
      ++batches;
      from = batch->next_offset();
    }
  }
  const auto newest = must(log->offset_of_max_timestamp());
  fmt::print(
      "start={} end={} batches={} records={} segments={} producers={} epoch={} clean={} "
      "max_timestamp_offset={}\n",
      log->log_start_offset(), log->log_end_offset(), batches, records, log->segment_count(),
      log->producer_count(), log->latest_epoch().value_or(kafka::kNoLeaderEpoch), log->recovery().was_clean,
      newest ? newest->offset : Offset{-1});
}

void append_some(const std::string& directory, int count) {
  auto log = open_log(directory, true);
  const std::int32_t epoch = log->latest_epoch().value_or(kafka::LeaderEpoch{0}).value();
  for (int i = 0; i < count; ++i) append(*log, make_batch({}, 1, 1'700'000'900'000 + i), epoch);
  must(log->close());
}

}  // namespace

int main(int count, char** arguments) {
  const std::string command = count > 2 ? arguments[1] : "";
  if (command == "write")
    write(arguments[2]);
  else if (command == "read")
    read(arguments[2]);
  else if (command == "append" && count > 3)
    append_some(arguments[2], std::atoi(arguments[3]));
  else
    return 2;
  return 0;
}
