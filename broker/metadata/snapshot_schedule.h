// When a snapshot of the metadata is due: after so many bytes of log, or after so much time when there is
// anything new.
//
// Threads: one reactor.
// Source: metadata.log.max.record.bytes.between.snapshots, metadata.log.max.snapshot.interval.ms.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace penstock::metadata {

class SnapshotSchedule {
 public:
  // An interval of zero is never.
  SnapshotSchedule(std::int64_t bytes_max, base::Duration interval)
      : bytes_max_(bytes_max), interval_(interval) {}

  // A snapshot was made or loaded, or the process has begun.
  void restart(base::MonoTime now) {
    bytes_ = 0;
    since_ = now;
  }
  // So much of the log was read. REQUIRES: restart() was called once.
  void note(std::int64_t bytes) { bytes_ += bytes; }
  bool is_due(base::MonoTime now) const {
    if (bytes_ == 0) return false;
    return bytes_ >= bytes_max_ || (interval_ > base::Duration::zero() && now - since_ >= interval_);
  }

 private:
  const std::int64_t bytes_max_;
  const base::Duration interval_;
  std::int64_t bytes_ = 0;
  base::MonoTime since_{};
};

}  // namespace penstock::metadata
