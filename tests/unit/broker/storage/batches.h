// Batches for the tests of storage.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "broker/storage/log.h"
#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"

namespace penstock::storage {

struct BatchSpec {
  int records = 1;
  std::int64_t timestamp = 1000;
  std::size_t value_bytes = 100;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;
  std::int32_t sequence = 0;
  bool is_transactional = false;
  kafka::Compression compression = kafka::Compression::kNone;
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = 0;
  std::string_view value = {};  // Instead of value_bytes.
};

// Record n has timestamp `timestamp` + n.
inline base::Bytes batch(const BatchSpec& spec) {
  kafka::RecordBatchOptions options;
  options.base_offset = Offset(spec.base_offset);
  options.leader_epoch = LeaderEpoch(spec.leader_epoch);
  options.compression = spec.compression;
  options.is_transactional = spec.is_transactional;
  if (spec.producer_id >= 0) {
    options.producer_id = kafka::ProducerId(spec.producer_id);
    options.producer_epoch = kafka::ProducerEpoch(spec.producer_epoch);
    options.base_sequence = spec.sequence;
  }
  kafka::RecordBatchBuilder builder(options);
  const std::string filler(spec.value_bytes, 'v');
  const base::ByteSpan value = base::as_bytes(spec.value.empty() ? std::string_view(filler) : spec.value);
  for (int i = 0; i < spec.records; ++i) builder.append(spec.timestamp + i, std::nullopt, value);
  auto built = builder.build();
  EXPECT_TRUE(built.has_value());
  return *built;
}

inline base::Bytes marker(std::int64_t producer_id, std::int16_t epoch, bool is_commit,
                          std::int32_t coordinator_epoch = 0, std::int64_t timestamp = 1000) {
  kafka::RecordBatchOptions options;
  options.producer_id = kafka::ProducerId(producer_id);
  options.producer_epoch = kafka::ProducerEpoch(epoch);
  options.is_transactional = true;
  options.is_control = true;
  return kafka::end_transaction_marker(options, timestamp, is_commit, coordinator_epoch);
}

inline AppendInfo append(Log& log, base::Bytes bytes, LeaderAppend how = {}) {
  auto info = log.append_as_leader(bytes, how);
  EXPECT_TRUE(info.has_value()) << (info ? "" : info.error().what());
  return info ? *info : AppendInfo{};
}

// Everything from `from` on, one read after the other.
inline base::Bytes read_all(Log& log, Offset from, std::int64_t bytes_max = 1 << 20) {
  base::Bytes all;
  while (from < log.log_end_offset()) {
    auto result = log.read({.from = from, .bytes_max = bytes_max, .is_memory_required = true});
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().what());
    if (!result || result->records.size() == 0) break;
    kafka::BatchCursor cursor(result->records.bytes);
    for (auto next = cursor.next(); next && *next; next = cursor.next()) from = (*next)->next_offset();
    all.insert(all.end(), result->records.bytes.begin(), result->records.bytes.end());
  }
  return all;
}

inline std::vector<std::int64_t> base_offsets(base::ByteSpan bytes) {
  std::vector<std::int64_t> offsets;
  kafka::BatchCursor cursor(bytes);
  for (auto next = cursor.next(); next && *next; next = cursor.next())
    offsets.push_back((*next)->base_offset().value());
  return offsets;
}

}  // namespace penstock::storage
