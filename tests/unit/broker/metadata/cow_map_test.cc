#include "broker/metadata/cow_map.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace penstock::metadata {
namespace {

using Map = CowMap<std::string, int>;
const std::string kA = "a";
const std::string kB = "b";

TEST(CowMap, ACopyKeepsWhatItHad) {
  Map map;
  map.set(kA, 1);
  map.set(kB, 2);
  const Map before = map;
  map.set(kA, 3);
  *map.find_for_change(kB) = 4;
  map.erase(kB);
  EXPECT_EQ(*before.find(kA), 1);
  EXPECT_EQ(*before.find(kB), 2);
  EXPECT_EQ(before.size(), 2U);
  EXPECT_EQ(*map.find(kA), 3);
  EXPECT_EQ(map.find(kB), nullptr);
  EXPECT_EQ(map.size(), 1U);
}

TEST(CowMap, WhatNobodyElseHoldsIsChangedInPlace) {
  Map map;
  map.set(kA, 1);
  const int* value = map.find(kA);
  map.set(kA, 2);
  EXPECT_EQ(map.find(kA), value);
  {
    const Map copy = map;
  }
  map.set(kA, 3);
  EXPECT_EQ(map.find(kA), value);
  const Map copy = map;
  map.set(kA, 4);
  EXPECT_NE(map.find(kA), value);
  EXPECT_EQ(*copy.find(kA), 3);
}

// What another thread read of a copy happened before the change that follows it. For ThreadSanitizer.
TEST(CowMap, ACopyThatAnotherThreadGaveUpIsSeenAsGone) {
  constexpr int kRounds = 200;
  Map map;
  map.set(kA, 0);
  for (int round = 1; round <= kRounds; ++round) {
    const int* const value = map.find(kA);
    auto copy = std::make_unique<Map>(map);
    std::atomic<int> seen = -1;
    std::thread reader([copy = std::move(copy), &seen]() mutable {
      const int read = *copy->find(kA);
      copy.reset();
      seen.store(read, std::memory_order_relaxed);
    });
    // Relaxed, and not joined yet: only giving up the copy orders the two threads.
    while (seen.load(std::memory_order_relaxed) < 0) std::this_thread::yield();
    map.set(kA, round);
    EXPECT_EQ(seen.load(std::memory_order_relaxed), round - 1);
    EXPECT_EQ(map.find(kA), value) << "nobody holds it any more";
    reader.join();
  }
}

}  // namespace
}  // namespace penstock::metadata
