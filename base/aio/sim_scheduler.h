// The seeded scheduler: many SimReactors on one thread, in an order that the seed decides.
//
// Of all work that is due at the same simulated time, the next is chosen at random, but two posts from one
// reactor to another keep their order, as a mailbox does. Time jumps to the next timer when nothing is due.
// A reactor may have clocks that are wrong, as another machine has.
//
// Threads: one.
// Lifetime: outlives its reactors.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/aio/reactor.h"
#include "base/random.h"

namespace penstock::aio {

class SimScheduler;

class SimReactor final : public Reactor {
 public:
  explicit SimReactor(SimScheduler& scheduler);
  ~SimReactor() override;

  void post(Work work) override;
  TimerId call_at(base::MonoTime when, Work work) override;
  void cancel(TimerId timer) override;
  void run_blocking(Work work, Work done) override;
  base::MonoTime now() const override;
  std::int64_t wall_ms() const override;
  bool is_current() const override;

  // While halted nothing runs here, and what is posted waits: a process that is stopped, or was killed.
  void set_halted(bool is_halted) { is_halted_ = is_halted; }
  // How far the wall clock is ahead.
  void set_wall_ahead_ms(std::int64_t ahead_ms) { wall_ahead_ms_ = ahead_ms; }
  // How much faster time passes here than for the scheduler. Before the first use of the clock.
  // REQUIRES: above -1000.
  void set_fast_permille(std::int64_t permille) { fast_permille_ = permille; }
  // How long blocking work takes at most here, in place of what the scheduler's options say.
  void set_blocking_max(std::optional<base::Duration> blocking_max) { blocking_max_ = blocking_max; }

 private:
  friend class SimScheduler;
  // This reactor's time as the scheduler's: the first at which now() is `local`.
  base::MonoTime scheduler_time(base::MonoTime local) const;

  SimScheduler& scheduler_;
  const std::uint64_t id_;  // Above 0, in the order of their making: addresses would change from run to run.
  bool is_halted_ = false;
  std::int64_t wall_ahead_ms_ = 0;
  std::int64_t fast_permille_ = 0;
  std::optional<base::Duration> blocking_max_;
  std::map<std::uint64_t, std::deque<Work>> mailboxes_;  // By sender; 0: none.
  std::map<std::pair<base::MonoTime, std::uint64_t>, Work> timers_;
};

class SimScheduler {
 public:
  // How long blocking work takes, uniformly at random.
  struct Options {
    base::Duration blocking_min = base::microseconds(50);
    base::Duration blocking_max = base::milliseconds(5);
  };

  explicit SimScheduler(std::uint64_t seed, Options options) : random_(seed), options_(options) {}
  explicit SimScheduler(std::uint64_t seed) : SimScheduler(seed, Options{}) {}

  base::Random& random() { return random_; }
  base::MonoTime now() const { return now_; }
  std::int64_t wall_ms() const {
    return wall_start_ms_ + std::chrono::duration_cast<base::milliseconds>(now_.time_since_epoch()).count();
  }

  // Runs one piece of work, moving time when needed. False when nothing is left.
  bool step();
  // Whose work that was, if it is still there to compare with.
  const SimReactor* last() const { return last_; }
  // Runs everything due until `until`, then sets the time to it.
  void run_until(base::MonoTime until);
  void run_for(base::Duration duration) { run_until(now_ + duration); }

 private:
  friend class SimReactor;
  bool run_one_due();
  base::MonoTime next_timer() const;

  base::SeededRandom random_;
  Options options_;
  base::MonoTime now_{};
  std::int64_t wall_start_ms_ = 1'700'000'000'000;
  std::uint64_t next_timer_id_ = 1;
  std::uint64_t next_reactor_id_ = 1;
  std::vector<SimReactor*> reactors_;
  SimReactor* current_ = nullptr;
  const SimReactor* last_ = nullptr;
};

}  // namespace penstock::aio
