#include "base/random.h"

#include <sys/random.h>

#include "base/assert.h"

namespace penstock::base {

std::uint64_t SeededRandom::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  const ssize_t got = getrandom(&value, sizeof value, 0);
  BASE_ASSERT(got == static_cast<ssize_t>(sizeof value), "getrandom is short");
  return value;
}

}  // namespace penstock::base
