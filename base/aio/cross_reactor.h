// call_on: runs a coroutine on another reactor and brings its result home.
//
//   auto reply = co_await aio::call_on(home, shard.reactor(), [&] { return shard.join(request); });
//
// The factory runs on `target` and returns a Task<T>, T not void; the Task is driven there to its end. The
// factory lives in the awaiting frame, so what it captures by reference stays valid meanwhile.
//
// REQUIRES: awaited on `home`; both reactors run until the result is home. An object that is stopped on
// `target` must complete its tasks, with kShuttingDown, rather than drop them.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"

namespace penstock::aio {

namespace internal {

template <typename Factory, typename Value>
struct CallOnAwaiter {
  Reactor& home;
  Reactor& target;
  Factory make_task;
  std::optional<Value> value{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    target.post([this, self] { start_detached(run(this, self)); });
  }
  Value await_resume() { return std::move(*value); }

 private:
  static Task<> run(CallOnAwaiter* call, std::coroutine_handle<> self) {
    call->value.emplace(co_await call->make_task());
    // Nothing of `call` may be touched once the caller can run.
    call->home.post([self] { self.resume(); });
  }
};

template <typename Factory>
using TaskValue = decltype(std::declval<Factory&>()().await_resume());

}  // namespace internal

template <typename Factory>
Task<internal::TaskValue<Factory>> call_on(Reactor& home, Reactor& target, Factory make_task) {
  if (&home == &target) co_return co_await make_task();
  internal::CallOnAwaiter<Factory, internal::TaskValue<Factory>> call{home, target, std::move(make_task)};
  co_return co_await call;
}

}  // namespace penstock::aio
