// The AlterPartition requests of a broker: leaders on all reactors drop their proposals here, and one request
// at a time carries what has come together to the controller.
//
// A proposal is sent until it is decided: after a time-out or a change of the controller it may have been
// done already, and then the second try hears that it is outdated.
//
// Lifetime: shared; stop() before the sets of partitions go. A call that is under way then ends unheard.
// Threads:  submit() from any; the rest on `home`.
// Bounds:   at most one proposal per partition led here.
// Source:   Kafka's AlterPartitionManager, KIP-497, KIP-903.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/aio/cancel.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/replication/types.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"

namespace penstock::replication {

class PartitionSet;

// How the controller is reached, from `home`. An answer that is none (no controller, silence) carries
// NOT_CONTROLLER or REQUEST_TIMED_OUT.
struct ControllerLink {
  std::function<aio::Task<kafka::AlterPartitionResponse>(kafka::AlterPartitionRequest)> alter_partition;
  // Of this process; none while it is not registered.
  std::function<kafka::BrokerEpoch()> broker_epoch;
};

class IsrMailbox : public std::enable_shared_from_this<IsrMailbox> {
 public:
  IsrMailbox(aio::Reactor& home, kafka::NodeId self, ControllerLink link);

  // The answer comes to set.on_isr_answer(). `set` outlives stop().
  void submit(IsrProposal proposal, PartitionSet& set);
  void stop() { stopping_.cancel(); }

 private:
  struct Entry {
    IsrProposal proposal;
    PartitionSet* set = nullptr;
  };
  using Batch = std::map<PartitionKey, Entry>;

  void add(IsrProposal proposal, PartitionSet& set);
  static aio::Task<> run(std::shared_ptr<IsrMailbox> self);
  kafka::AlterPartitionRequest request_of(const Batch& batch) const;
  // Answers what is decided. True when something has to be asked again.
  bool settle(Batch batch, const kafka::AlterPartitionResponse& response);
  bool put_back(Batch batch);
  static void answer(const Entry& entry, const kafka::AlterPartitionResponse::PartitionData& result);

  aio::Reactor& home_;
  const kafka::NodeId self_;
  const ControllerLink link_;
  Batch waiting_;
  bool is_running_ = false;
  aio::CancelSource stopping_;
};

}  // namespace penstock::replication
