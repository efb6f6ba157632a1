// For fuzzing: gives damaged record batches the CRC of what they hold, so that what is behind it is reached.
//
// Threads: pure functions.
#pragma once

#include <span>

#include "kafka/record_batch.h"

namespace penstock::testing {

// Up to the first bytes that are no batch.
inline void repair_crcs(base::Bytes& content) {
  for (std::size_t at = 0; at < content.size();) {
    const auto batch = kafka::RecordBatchView::parse(base::ByteSpan(content).subspan(at));
    if (!batch) return;
    const std::size_t size = batch->size_bytes();
    kafka::rewrite_crc(std::span(content).subspan(at, size));
    at += size;
  }
}

}  // namespace penstock::testing
