#include "broker/handlers/producer_ids.h"

#include "base/aio/cross_reactor.h"
#include "base/log.h"
#include "broker/metadata/controller_api.h"

namespace penstock::handlers {

namespace {
constexpr base::Logger log("handlers");
}

using kafka::ErrorCode;

aio::Task<ProducerIdBlock> ControllerProducerIds::allocate(aio::Reactor& home) {
  kafka::AllocateProducerIdsRequest request;
  request.broker_id = node_id_;
  request.broker_epoch = broker_epoch_();
  const kafka::AllocateProducerIdsResponse response =
      co_await controller_.allocate_producer_ids(home, std::move(request));
  co_return ProducerIdBlock{.error = static_cast<ErrorCode>(response.error_code),
                            .first = response.producer_id_start,
                            .length = response.producer_id_len};
}

struct ProducerIds::Allocation {
  std::vector<aio::Completion<bool>> waiters;
};

aio::Task<ProducerIds::Answer> ProducerIds::next(aio::Reactor& home) {
  co_return co_await aio::call_on(home, reactor_, [this] { return next_here(); });
}

aio::Task<ProducerIds::Answer> ProducerIds::next_here() {
  while (next_ == end_) {
    if (allocation_) {
      const aio::Completion<bool> done;
      allocation_->waiters.push_back(done);
      if (!co_await done.wait()) co_return Answer{.error = ErrorCode::kCoordinatorLoadInProgress};
      continue;
    }
    const auto mine = std::make_shared<Allocation>();
    allocation_ = mine;
    const ProducerIdBlock block = co_await source_.allocate(reactor_);
    allocation_.reset();
    const bool is_given = block.error == ErrorCode::kNone && block.length > 0;
    if (is_given) {
      next_ = block.first;
      end_ = block.first + block.length;
    } else {
      log.warn("the controller gave no producer ids: {}", kafka::error_name(block.error));
    }
    for (const aio::Completion<bool>& waiter : mine->waiters) {
      reactor_.post([waiter, is_given] { waiter.set(is_given); });
    }
    if (!is_given) co_return Answer{.error = ErrorCode::kCoordinatorLoadInProgress};
  }
  co_return Answer{.producer_id = next_++};
}

}  // namespace penstock::handlers
