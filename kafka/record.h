// One record of a batch and the cursor over a batch's records. Nothing is copied or allocated.
//
// Lifetime: records borrow the bytes that the cursor walks.
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "kafka/ids.h"

namespace penstock::kafka {

class RecordBatchView;

struct RecordHeader {
  std::string_view key;
  std::optional<base::ByteSpan> value;
};

struct Record {
  Offset offset;
  std::int32_t offset_delta = 0;
  std::int64_t timestamp = 0;
  std::optional<base::ByteSpan> key;
  std::optional<base::ByteSpan> value;
  std::int32_t header_count = 0;
  base::ByteSpan header_bytes;  // Encoded, already checked.
  std::size_t size_bytes = 0;   // With its length prefix.

  std::vector<RecordHeader> headers() const;
};

class RecordCursor {
 public:
  // `records` is what RecordBatchView::records() returned.
  RecordCursor(const RecordBatchView& batch, base::ByteSpan records);

  // False at the end or when the bytes are malformed: look at failed().
  bool next(Record& record);
  bool failed() const { return failure_ != nullptr; }
  // Why, a string literal: "header count exceeds the bytes left".
  const char* failure() const { return failure_; }

 private:
  bool fail(const char* why);
  bool read_body(const std::uint8_t* at, const std::uint8_t* end, Record& record);

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Offset base_offset_;
  std::int64_t base_timestamp_;
  std::int64_t append_timestamp_;
  bool is_log_append_time_;
  std::int32_t left_;
  const char* failure_ = nullptr;
};

// The key of a control record.
enum class ControlType : std::int16_t {
  kAbort = 0,
  kCommit = 1,
  kLeaderChange = 2,
  kSnapshotHeader = 3,
  kSnapshotFooter = 4,
  kKraftVersion = 5,
  kKraftVoters = 6,
};
// nullopt for a type that we do not know, or a key shorter than four bytes.
std::optional<ControlType> control_type(const Record& record);

}  // namespace penstock::kafka
