// The two clocks. Only a program's main.cc builds the real ones; cores take time as an argument.
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock::base {

using Duration = std::chrono::nanoseconds;
// Time since an arbitrary start, never set back.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Threads: safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;
  // Milliseconds since 1970-01-01 UTC, as Kafka's timestamps.
  virtual std::int64_t wall_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonoTime now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
  std::int64_t wall_ms() const override {
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

// For tests: stands still until it is moved.
class ManualClock final : public Clock {
 public:
  MonoTime now() const override { return now_; }
  std::int64_t wall_ms() const override { return wall_ms_; }
  void advance(Duration by) {
    now_ += by;
    wall_ms_ += std::chrono::duration_cast<milliseconds>(by).count();
  }
  void set_wall_ms(std::int64_t wall_ms) { wall_ms_ = wall_ms; }

 private:
  MonoTime now_{};
  std::int64_t wall_ms_ = 1'700'000'000'000;
};

}  // namespace penstock::base
