// Completion<T>: a value that one coroutine waits for and another piece of code sets, on one reactor.
//
// set() resumes the waiter at once, inside the call: do it last, or post() it.
// Threads: one reactor.
// Lifetime: shared; a Completion is a handle to a common state, so either side may go first. A waiter
// whose setters all go away without set() never resumes: always set an error on shutdown.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace penstock::aio {

template <typename T>
class Completion {
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
  };

 public:
  Completion() : state_(std::make_shared<State>()) {}

  bool is_set() const { return state_->value.has_value(); }

  // The first set() counts, later ones are dropped: a reply and its time-out may race.
  void set(T value) const {
    if (state_->value) return;
    auto state = state_;
    state->value.emplace(std::move(value));
    if (auto waiter = std::exchange(state->waiter, nullptr)) waiter.resume();
  }

  // co_await completion.wait(); at most one waiter.
  auto wait() const {
    struct Awaiter {
      std::shared_ptr<State> state;
      bool await_ready() const noexcept { return state->value.has_value(); }
      void await_suspend(std::coroutine_handle<> waiter) {
        BASE_ASSERT(!state->waiter, "a Completion has one waiter");
        state->waiter = waiter;
      }
      T await_resume() { return std::move(*state->value); }
    };
    return Awaiter{state_};
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace penstock::aio
