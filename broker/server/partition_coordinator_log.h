// A partition of __consumer_offsets as the group coordinator's log.
//
// Lifetime: the PartitionSet outlives it.
// Threads:  the reactor of the set.
#pragma once

#include "base/aio/cancel.h"
#include "broker/coordinator/group/coordinator_log.h"
#include "broker/replication/partition_set.h"

namespace penstock::server {

class PartitionCoordinatorLog final : public coordinator::CoordinatorLog {
 public:
  PartitionCoordinatorLog(replication::PartitionSet& set, replication::PartitionKey key)
      : set_(set), key_(key) {}

  base::Result<kafka::Offset> append(base::Bytes batch) override;
  aio::Task<base::Result<>> wait_committed(kafka::Offset offset) override;
  kafka::Offset start_offset() const override;
  kafka::Offset end_offset() const override;
  kafka::Offset high_watermark() const override;
  aio::Task<base::Result<base::Bytes>> read(kafka::Offset from, std::size_t bytes_max) override;
  void close() override { closed_.cancel(); }

 private:
  replication::PartitionSet& set_;
  const replication::PartitionKey key_;
  aio::CancelSource closed_;
};

}  // namespace penstock::server
