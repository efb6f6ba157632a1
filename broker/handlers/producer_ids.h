// Producer ids for idempotent producers: handed out from blocks that the controller allocates.
//
// Ids of a block that was not used up are lost with the broker; they are never handed out twice.
//
// Threads: next() from any reactor; the state is that of the reactor given at construction.
// Lifetime: the source outlives it; stop() is not needed, but the reactors run until every next() has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "kafka/error_codes.h"

namespace penstock::metadata {
class ControllerApi;
}

namespace penstock::handlers {

struct ProducerIdBlock {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::int64_t first = -1;
  std::int32_t length = 0;
};

// Where blocks come from.
class ProducerIdSource {
 public:
  virtual ~ProducerIdSource() = default;
  // On the reactor `home`, where it also ends.
  virtual aio::Task<ProducerIdBlock> allocate(aio::Reactor& home) = 0;
};

// The controller's AllocateProducerIds.
class ControllerProducerIds final : public ProducerIdSource {
 public:
  // `broker_epoch` is that of the current registration, read at each call.
  ControllerProducerIds(metadata::ControllerApi& controller, std::int32_t node_id,
                        std::function<std::int64_t()> broker_epoch)
      : controller_(controller), node_id_(node_id), broker_epoch_(std::move(broker_epoch)) {}
  aio::Task<ProducerIdBlock> allocate(aio::Reactor& home) override;

 private:
  metadata::ControllerApi& controller_;
  const std::int32_t node_id_;
  const std::function<std::int64_t()> broker_epoch_;
};

class ProducerIds {
 public:
  ProducerIds(aio::Reactor& reactor, ProducerIdSource& source) : reactor_(reactor), source_(source) {}

  struct Answer {
    kafka::ErrorCode error = kafka::ErrorCode::kNone;
    std::int64_t producer_id = -1;
  };
  // COORDINATOR_LOAD_IN_PROGRESS while the controller does not give a block: the client asks again.
  aio::Task<Answer> next(aio::Reactor& home);

 private:
  aio::Task<Answer> next_here();

  aio::Reactor& reactor_;
  ProducerIdSource& source_;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;
  // Set while a block is being asked for, so that the controller is asked once.
  struct Allocation;
  std::shared_ptr<Allocation> allocation_;
};

}  // namespace penstock::handlers
