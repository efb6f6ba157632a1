// Waiting: for a time, for another reactor, for blocking work.
//
// Threads: awaited on the given reactor unless said otherwise.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/aio/cancel.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/error.h"

namespace penstock::aio {

// ERRORS: kCancelled when the token is cancelled first.
Task<base::Result<>> sleep_until(Reactor& reactor, base::MonoTime when, CancelToken token = {});
Task<base::Result<>> sleep_for(Reactor& reactor, base::Duration delay, CancelToken token = {});

// co_await yield(reactor): lets other work of the reactor run first.
inline auto yield(Reactor& reactor) {
  struct Awaiter {
    Reactor& reactor;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) const {
      reactor.post([self] { self.resume(); });
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{reactor};
}

// co_await run_on(home, target, function): calls `function` on `target` and resumes on `home` with what it
// returned. REQUIRES: awaited on `home`; the function's result is not void.
template <typename Function>
auto run_on(Reactor& home, Reactor& target, Function function) {
  using Value = std::invoke_result_t<Function>;
  struct Awaiter {
    Reactor& home;
    Reactor& target;
    Function function;
    std::optional<Value> value{};
    bool await_ready() {
      if (&home != &target) return false;
      value.emplace(function());
      return true;
    }
    void await_suspend(std::coroutine_handle<> self) {
      target.post([this, self] {
        value.emplace(function());
        home.post([self] { self.resume(); });
      });
    }
    Value await_resume() { return std::move(*value); }
  };
  return Awaiter{home, target, std::move(function)};
}

// co_await run_blocking(reactor, function): the same on the blocking pool.
template <typename Function>
auto run_blocking(Reactor& reactor, Function function) {
  using Value = std::invoke_result_t<Function>;
  struct Awaiter {
    Reactor& reactor;
    Function function;
    std::optional<Value> value{};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) {
      reactor.run_blocking([this] { value.emplace(function()); }, [self] { self.resume(); });
    }
    Value await_resume() { return std::move(*value); }
  };
  return Awaiter{reactor, std::move(function)};
}

}  // namespace penstock::aio
