// The source of random numbers, handed in so that a seed replays a run.
#pragma once

#include <cstdint>

namespace penstock::base {

// Threads: one thread each.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  // Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
};

// SplitMix64 (Steele, Lea, Flood 2014): small, fast, good enough for jitter and simulation.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

// From the kernel; for ids that must never repeat.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

}  // namespace penstock::base
