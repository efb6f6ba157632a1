// Opens a data directory in which one file holds any bytes. Input: file, mode (1 byte each), position (2
// bytes), content.
//
// The directory has a log of a few segments with producers and transactions, the files of LogDirectory, and a
// quorum-state and snapshot of the metadata log. The content replaces the file or, mode bit 0, overwrites a
// part of it; bit 1 says that the directory was shut down cleanly; bit 2 repairs the CRCs of batches, so that
// what is behind them is reached. Opening may refuse. A log that opens must hold together: it can be read,
// appended to and closed, and what it then holds opens again.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "broker/raft/quorum_state.h"
#include "broker/raft/snapshot.h"
#include "broker/storage/log_directory.h"
#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"
#include "tests/fuzz/run_input.h"
#include "tests/support/repair_crcs.h"
#include "tests/support/sim_disk.h"

namespace penstock::storage {

namespace {

using Files = std::map<std::string, base::Bytes>;

constexpr std::string_view kDirectory = "/data";
constexpr std::string_view kQuorumDirectory = "/data/__cluster_metadata-0";
constexpr std::string_view kCleanShutdown = "/data/.kafka_cleanshutdown";
const TopicPartition kPartition{"orders", kafka::PartitionId(0)};
const base::Uuid kTopicId{1, 2};

void require(bool held) {
  if (!held) std::abort();
}

LogOptions log_options() {
  LogOptions options;
  options.config.segment_bytes = 2000;
  options.config.index_interval_bytes = 200;
  return options;
}

base::Bytes batch(std::int64_t producer, std::int32_t sequence, bool is_transactional) {
  kafka::RecordBatchOptions options;
  options.producer_id = kafka::ProducerId(producer);
  options.producer_epoch = kafka::ProducerEpoch(producer < 0 ? -1 : 0);
  options.base_sequence = producer < 0 ? kafka::kNoSequence : sequence;
  options.is_transactional = is_transactional;
  kafka::RecordBatchBuilder builder(options);
  const std::string value(100, 'v');
  for (int i = 0; i < 2; ++i) builder.append(1000 + sequence + i, std::nullopt, base::as_bytes(value));
  return builder.build().value();
}

void append(Log& log, base::Bytes bytes, LeaderAppend how) {
  require(log.append_as_leader(bytes, how)->error == kafka::ErrorCode::kNone);
}

void fill(Log& log) {
  for (std::int32_t i = 0; i < 12; ++i) {
    const LeaderAppend how{.epoch = LeaderEpoch(i / 4)};
    append(log, batch(7, 2 * i, i % 4 != 0), how);
    append(log, batch(-1, 0, false), how);
    kafka::RecordBatchOptions marker;
    marker.producer_id = kafka::ProducerId(7);
    marker.producer_epoch = kafka::ProducerEpoch(0);
    marker.is_transactional = marker.is_control = true;
    if (i % 4 == 3) {
      append(log, kafka::end_transaction_marker(marker, 1000, i % 8 == 3, 0),
             {.epoch = LeaderEpoch(i / 4), .origin = AppendOrigin::kCoordinator});
    }
  }
  log.set_high_watermark(log.log_end_offset() - 2);
}

void write(base::Disk& disk, const std::string& path, base::ByteSpan content) {
  require(base::write_file_atomically(disk, path, content).has_value());
}

Files make_files() {
  testing::SimDisk disk;
  require(disk.create_directories(std::string(kQuorumDirectory)).has_value());
  const MetaProperties meta{"5L6g3nShT-eMCtK--X86sw", kafka::NodeId(1), kTopicId};
  require(write_meta_properties(disk, std::string(kDirectory), meta, 0).has_value());
  const auto directory = LogDirectory::open(disk, std::string(kDirectory)).value();
  const auto log = directory->create_log(kPartition, kTopicId, log_options()).value();
  fill(*log);
  require(log->close().has_value());
  require(
      directory
          ->checkpoint(
              {{kPartition,
                {.recovery_point = Offset(20), .high_watermark = Offset(30), .log_start_offset = Offset(1)}}})
          .has_value());
  require(directory->shut_down_cleanly(kafka::BrokerEpoch(5)).has_value());
  require(raft::write_quorum_state(disk, std::string(kQuorumDirectory),
                                   {.epoch = LeaderEpoch(1), .leader = kafka::NodeId(1)})
              .has_value());
  raft::SnapshotBuilder snapshot({.voters = raft::VoterSet{{.key = {kafka::NodeId(1), kTopicId},
                                                            .endpoints = {{"C", "localhost", 1}}}}});
  require(snapshot.add_batch({{1, 2, 3}, {4}}).has_value());
  write(disk, fmt::format("{}/{}", kQuorumDirectory, raft::snapshot_file_name({})), *snapshot.finish());
  Files files;
  for (const std::string& name : disk.files()) files[name] = base::read_file(disk, name).value();
  return files;
}

void use(Log& log) {
  require(log.log_start_offset() <= log.high_watermark() && log.high_watermark() <= log.log_end_offset());
  for (Offset at = log.log_start_offset(); at < log.log_end_offset();) {
    const auto read = log.read({.from = at, .is_memory_required = true});
    if (!read) break;
    const Offset before = at;
    kafka::BatchCursor cursor(read->records.bytes);
    for (auto next = cursor.next(); next && *next; next = cursor.next()) at = (*next)->next_offset();
    if (at <= before) break;
  }
  (void)log.aborted_transactions(log.log_start_offset(), log.log_end_offset());
  (void)log.offset_for_timestamp(1005);
  (void)log.offset_of_max_timestamp();
  for (std::int32_t epoch = -1; epoch < 4; ++epoch) (void)log.end_offset_for_epoch(LeaderEpoch(epoch));
}

void open_directory(testing::SimDisk& disk) {
  const auto directory = LogDirectory::open(disk, std::string(kDirectory));
  if (!directory) return;
  (void)(*directory)->partitions();
  auto log = (*directory)->open_log(kPartition, log_options());
  if (!log) return;
  use(**log);
  base::Bytes more = batch(-1, 0, false);
  const auto appended = (*log)->append_as_leader(more, {.epoch = LeaderEpoch(9)});
  (void)(*log)->run_jobs();
  if (!(*log)->close() || !appended) return;
  const Offset end = (*log)->log_end_offset();
  const Offset start = (*log)->log_start_offset();
  const Offset flushed = (*log)->recovery_point();
  log->reset();
  LogOptions options = log_options();
  options.disk = &disk;
  options.directory = fmt::format("{}/{}", kDirectory, kPartition.to_string());
  options.log_start_offset = start;
  options.recovery_point = flushed;  // Damage before it is not looked for, also not the second time.
  const auto again = Log::open(options);
  require(again.has_value() && (*again)->log_end_offset() == end);
}

void run(base::ByteReader& input) {
  static const Files files = make_files();
  const std::uint8_t file = input.read_uint8();
  const std::uint8_t mode = input.read_uint8();
  const std::uint16_t position = input.read_uint16();
  if (input.failed()) return;
  const base::ByteSpan content = input.rest();
  const auto target = std::next(files.begin(), file % static_cast<std::ptrdiff_t>(files.size()));
  testing::SimDisk disk;
  require(disk.create_directories(std::string(kQuorumDirectory)).has_value());
  require(disk.create_directories(fmt::format("{}/{}", kDirectory, kPartition.to_string())).has_value());
  for (const auto& [name, original] : files) {
    if (name == kCleanShutdown && (mode & 2) == 0) continue;
    if (name != target->first) {
      write(disk, name, original);
      continue;
    }
    base::Bytes changed((mode & 1) != 0 ? original : base::Bytes(content.begin(), content.end()));
    if ((mode & 1) != 0 && !original.empty()) {
      const std::size_t at = position % original.size();
      std::copy_n(content.begin(), std::min(content.size(), original.size() - at),
                  changed.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if ((mode & 4) != 0) testing::repair_crcs(changed);
    write(disk, name, changed);
  }
  (void)raft::read_quorum_state(disk, std::string(kQuorumDirectory));
  raft::QuorumRecords quorum;
  (void)raft::read_snapshot(disk, fmt::format("{}/{}", kQuorumDirectory, raft::snapshot_file_name({})),
                            quorum, [](const kafka::RecordBatchView&) { return base::Result<>(); });
  open_directory(disk);
}

}  // namespace

}  // namespace penstock::storage

namespace penstock::testing {
void run_input(base::ByteReader& input) { storage::run(input); }
}  // namespace penstock::testing
