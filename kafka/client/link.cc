#include "kafka/client/link.h"

#include <utility>

#include <fmt/format.h>

namespace penstock::kafka {

aio::Task<Link::Opened> Link::connection(base::MonoTime deadline) {
  const auto self = shared_from_this();
  if (is_closed_) co_return base::fail(base::Errc::kShuttingDown, "kafka client is stopping");
  if (connection_ != nullptr && connection_->is_open()) co_return connection_;
  if (is_opening_) {
    const aio::Completion<Opened> opened;
    waiters_.push_back(opened);
    co_return co_await opened.wait();
  }
  is_opening_ = true;
  Opened opened = co_await Connection::open(reactor_, transport_, gate_, endpoint_, options_, deadline);
  is_opening_ = false;
  if (opened && is_closed_) {
    const base::Error reason(base::Errc::kShuttingDown, "kafka client is stopping");
    (*opened)->close(reason);
    opened = base::fail(reason);
  }
  if (opened) connection_ = *opened;
  for (const auto& waiter : std::exchange(waiters_, {})) {
    reactor_.post([waiter, opened] { waiter.set(opened); });
  }
  co_return opened;
}

void Link::close(const base::Error& reason) {
  is_closed_ = true;
  drop(reason);
}

void Link::drop(const base::Error& reason) {
  if (const auto dropped = std::exchange(connection_, nullptr)) dropped->close(reason);
}

}  // namespace penstock::kafka
