// Gate: counts the background tasks of an object so that its stop() can wait for all of them.
//
// A long-lived object has start() and Task<> stop(): cancel, co_await gate.close(). The gate is its last
// member; the destructor asserts that it was closed.
// Threads: one reactor.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/aio/completion.h"
#include "base/aio/task.h"

namespace penstock::aio {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { BASE_ASSERT(count_ == 0, "a gate is destroyed with tasks inside"); }

  bool is_closed() const { return is_closed_; }
  std::uint64_t count() const { return count_; }

  // False once closed: do not start.
  [[nodiscard]] bool enter() {
    if (is_closed_) return false;
    ++count_;
    return true;
  }
  void leave() {
    BASE_ASSERT(count_ > 0, "leave without enter");
    if (--count_ == 0 && is_closed_) empty_.set(true);
  }

  // No one enters any more; resumes when the last has left.
  Task<> close() {
    is_closed_ = true;
    if (count_ == 0) co_return;
    co_await empty_.wait();
  }

 private:
  std::uint64_t count_ = 0;
  bool is_closed_ = false;
  Completion<bool> empty_;
};

// Starts `task` now; it frees itself at its end. For the few places where something else waits for the end;
// everybody else spawns into a gate.
void start_detached(Task<> task);

// Starts `task` now, in the background, holding the gate until it ends. Dropped when the gate is closed.
// `name` is a literal, for debugging.
void spawn(Gate& gate, std::string_view name, Task<> task);

}  // namespace penstock::aio
