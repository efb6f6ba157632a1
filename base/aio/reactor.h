// The one door to scheduling: posts to a thread, timers, and work that may block.
//
// A reactor is one thread (AsioReactor) or one lane of a seeded scheduler (SimReactor). State that belongs
// to a reactor is touched only from work that runs on it, so it needs no lock.
//
// Threads: post() and run_blocking() from any thread; the rest from the reactor's own thread.
// Lifetime: outlives everything that holds a pointer to it; work left at destruction is dropped unrun.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace penstock::aio {

// 0 is no timer.
enum class TimerId : std::uint64_t { kNone = 0 };

class Reactor {
 public:
  using Work = std::move_only_function<void()>;

  virtual ~Reactor() = default;

  // Runs `work` on this reactor, after everything posted before it from the same thread.
  virtual void post(Work work) = 0;

  // Runs `work` at or soon after `when`, unless cancelled before.
  virtual TimerId call_at(base::MonoTime when, Work work) = 0;
  TimerId call_after(base::Duration delay, Work work) { return call_at(now() + delay, std::move(work)); }
  // After this the work does not run. A timer that has fired, or kNone, is ignored.
  virtual void cancel(TimerId timer) = 0;

  // Runs `work` where it may block (sync, unlink, cold reads), then `done` on this reactor.
  virtual void run_blocking(Work work, Work done) = 0;

  virtual base::MonoTime now() const = 0;
  virtual std::int64_t wall_ms() const = 0;

  // Whether the caller runs on this reactor.
  virtual bool is_current() const = 0;
};

}  // namespace penstock::aio
