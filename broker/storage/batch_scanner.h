// Walks the batches of a segment file by small reads: headers, and whole batches on demand.
//
// Lifetime: borrows the file; a view lives until the next call.
// Threads:  one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/disk.h"
#include "base/error.h"
#include "kafka/record_batch.h"

namespace penstock::storage {

class BatchScanner {
 public:
  static constexpr std::size_t kLookupBytes = 8 << 10;
  static constexpr std::size_t kScanBytes = 256 << 10;

  // Looks at bytes [from, end) of the file, reading about `window_bytes` at a time.
  BatchScanner(base::File& file, std::int64_t from, std::int64_t end, std::size_t window_bytes);

  // The header of the next batch; nullopt exactly at the end.
  // ERRORS: kCorrupt (cut off, impossible length, magic not 2; position() is where), kIo.
  base::Result<std::optional<kafka::RecordBatchView>> next();
  // All of the batch that next() returned last.
  base::Result<kafka::RecordBatchView> whole();

  // Of the batch that next() returned last, or of what it failed at.
  std::int64_t position() const { return position_; }
  std::int64_t next_position() const { return next_; }

 private:
  base::Result<base::ByteSpan> bytes_at(std::int64_t position, std::size_t wanted);

  base::File& file_;
  const std::int64_t end_;
  const std::size_t window_bytes_;
  std::int64_t position_;
  std::int64_t next_;
  base::Bytes window_;
  std::int64_t window_at_ = 0;
};

}  // namespace penstock::storage
