#include "base/aio/sleep.h"

#include "base/aio/completion.h"

namespace penstock::aio {

Task<base::Result<>> sleep_until(Reactor& reactor, base::MonoTime when, CancelToken token) {
  if (token.is_cancelled()) co_return base::fail(base::Errc::kCancelled, "sleep");
  Completion<bool> woken;
  const TimerId timer = reactor.call_at(when, [woken] { woken.set(true); });
  auto registration = token.on_cancel([woken] { woken.set(false); });
  const bool is_due = co_await woken.wait();
  if (is_due) co_return base::Result<>{};
  reactor.cancel(timer);
  co_return base::fail(base::Errc::kCancelled, "sleep");
}

Task<base::Result<>> sleep_for(Reactor& reactor, base::Duration delay, CancelToken token) {
  co_return co_await sleep_until(reactor, reactor.now() + delay, std::move(token));
}

}  // namespace penstock::aio
