#include "base/aio/gate.h"

#include <utility>

namespace penstock::aio {

namespace {

// A coroutine that starts at once and frees itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Detached run_inside(Gate& gate, Task<> task) {
  {
    // The frame of the task is destroyed before the gate is left: what it refers to may go right after.
    Task<> running = std::move(task);
    co_await running;
  }
  gate.leave();
}

Detached run_to_end(Task<> task) { co_await task; }

}  // namespace

void start_detached(Task<> task) { run_to_end(std::move(task)); }

void spawn(Gate& gate, std::string_view name, Task<> task) {
  (void)name;
  if (gate.enter()) run_inside(gate, std::move(task));
}

}  // namespace penstock::aio
