// The records of one batch of the metadata log, or of a snapshot.
//
// Threads: pure functions.
// ERRORS: kCorrupt, kUnsupported, kLimitExceeded; they name the offset, and the record as far as it was read.
#pragma once

#include <functional>

#include "base/error.h"
#include "broker/metadata/image_builder.h"
#include "broker/metadata/records.h"
#include "kafka/record_batch.h"

namespace penstock::metadata {

// Hands out every record, in order, up to the first that cannot be read or that `take` refuses. A control
// batch has none.
base::Result<> visit_records(const kafka::RecordBatchView& batch,
                             const std::function<base::Result<>(Record)>& take);

base::Result<> replay_batch(const kafka::RecordBatchView& batch, ImageBuilder& into);

}  // namespace penstock::metadata
