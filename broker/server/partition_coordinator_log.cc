#include "broker/server/partition_coordinator_log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "kafka/error_codes.h"

namespace penstock::server {

using base::Errc;
using base::fail;
using kafka::ErrorCode;

namespace {

// Leadership ends a wait; this only bounds one whose partition stays below min.insync.replicas.
constexpr auto kCommitWaitMax = std::chrono::hours(1);

std::unexpected<base::Error> failure(ErrorCode code, std::string_view what) {
  const std::string text = fmt::format("__consumer_offsets: {}: {}", what, kafka::error_name(code));
  switch (code) {
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
      return fail(Errc::kConflict, text);
    case ErrorCode::kNotEnoughReplicas:
    case ErrorCode::kNotEnoughReplicasAfterAppend:
      return fail(Errc::kUnavailable, text);
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kRecordListTooLarge:
      return fail(Errc::kLimitExceeded, text);
    case ErrorCode::kRequestTimedOut:
      return fail(Errc::kTimedOut, text);
    default:
      return fail(Errc::kIo, text);
  }
}

base::Result<base::Bytes> copy_of(const kafka::RecordsRef& records) {
  if (!records.is_file()) return base::Bytes(records.bytes.begin(), records.bytes.end());
  base::Bytes bytes(records.size());
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(records.descriptor, bytes.data() + done, bytes.size() - done,
                                records.position + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(base::Error::from_errno(errno, "__consumer_offsets: read"));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

// Ends with the partition's leadership at the latest; refers to nothing that goes before the partition set.
aio::Task<> report_commit(replication::PartitionSet& set, replication::PartitionKey key, kafka::Offset end,
                          aio::Completion<std::optional<ErrorCode>> done) {
  done.set(co_await set.wait_committed(key, end, kCommitWaitMax));
}

}  // namespace

base::Result<kafka::Offset> PartitionCoordinatorLog::append(base::Bytes batch) {
  const replication::AppendOutcome outcome = set_.append_internal(key_, batch);
  if (!outcome.is_ok()) return failure(outcome.error, "append");
  return outcome.end_offset - 1;
}

aio::Task<base::Result<>> PartitionCoordinatorLog::wait_committed(kafka::Offset offset) {
  if (closed_.is_cancelled()) co_return fail(Errc::kShuttingDown, "__consumer_offsets: commit");
  aio::Completion<std::optional<ErrorCode>> done;
  const auto registration = closed_.token().on_cancel([done] { done.set(std::nullopt); });
  aio::start_detached(report_commit(set_, key_, offset + 1, done));
  const std::optional<ErrorCode> outcome = co_await done.wait();
  if (!outcome) co_return fail(Errc::kShuttingDown, "__consumer_offsets: commit");
  const ErrorCode error = *outcome;
  if (error != ErrorCode::kNone) co_return failure(error, "commit");
  co_return base::Result<>{};
}

kafka::Offset PartitionCoordinatorLog::start_offset() const {
  const replication::Partition* partition = set_.find(key_);
  return partition == nullptr ? kafka::Offset(0) : partition->log_start_offset();
}

kafka::Offset PartitionCoordinatorLog::end_offset() const {
  const replication::Partition* partition = set_.find(key_);
  return partition == nullptr ? kafka::Offset(0) : partition->log_end_offset();
}

kafka::Offset PartitionCoordinatorLog::high_watermark() const {
  const replication::Partition* partition = set_.find(key_);
  return partition == nullptr ? kafka::Offset(0) : partition->high_watermark();
}

aio::Task<base::Result<base::Bytes>> PartitionCoordinatorLog::read(kafka::Offset from,
                                                                   std::size_t bytes_max) {
  const auto wanted = static_cast<std::int32_t>(std::min<std::size_t>(bytes_max, INT32_MAX));
  const replication::ReadOutcome outcome = set_.read_internal(key_, from, wanted);
  if (!outcome.is_ok()) co_return failure(outcome.error, "read");
  if (!outcome.records.is_file()) co_return copy_of(outcome.records);
  auto from_disk = [records = outcome.records] { return copy_of(records); };
  co_return co_await aio::run_blocking(set_.reactor(), std::move(from_disk));
}

}  // namespace penstock::server
