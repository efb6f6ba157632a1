#include "operator/reconcile/work_queue.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aio/sim_scheduler.h"
#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::reconcile {
namespace {

struct Bench {
  Bench() { base::set_log_level(base::LogLevel::kError); }
  ~Bench() {
    aio::Gate gate;
    aio::spawn(gate, "stop", queue.stop());
    scheduler.run_for(base::seconds(10));
  }

  aio::Task<base::Result<PassOutcome>> pass(std::string key) {
    ++running;
    running_max = std::max(running_max, running);
    EXPECT_TRUE(under_way.insert(key).second) << key << " runs twice at once";
    ++passes[key];
    times.push_back(reactor.now());
    (void)co_await aio::sleep_for(reactor, base::milliseconds(10));
    under_way.erase(key);
    --running;
    if (failing.contains(key)) co_return base::fail(base::Errc::kUnavailable, "no");
    co_return PassOutcome{requeue_after};
  }

  aio::SimScheduler scheduler{11};
  aio::SimReactor reactor{scheduler};
  base::SeededRandom random{3};
  std::map<std::string, int> passes;
  std::set<std::string> under_way;
  std::set<std::string> failing;
  std::vector<base::MonoTime> times;
  base::Duration requeue_after{};
  int running = 0;
  int running_max = 0;
  WorkQueue queue{reactor, random, [this](std::string key) { return pass(std::move(key)); }};
};

TEST(WorkQueue, CoalescesABurstAndRunsAgainForChangesDuringAPass) {
  Bench bench;
  for (int i = 0; i < 100; ++i) bench.queue.add("a");
  bench.scheduler.run_for(base::milliseconds(5));
  EXPECT_EQ(bench.passes["a"], 1);
  for (int i = 0; i < 100; ++i) bench.queue.add("a");
  bench.scheduler.run_for(base::seconds(1));
  EXPECT_EQ(bench.passes["a"], 2);
}

TEST(WorkQueue, RunsABoundedNumberAtATimeAndAllOfThem) {
  Bench bench;
  for (int i = 0; i < 100; ++i) bench.queue.add("topic/" + std::to_string(i));
  bench.scheduler.run_for(base::seconds(1));
  EXPECT_EQ(bench.running_max, WorkQueue::kParallelMax);
  EXPECT_EQ(bench.passes.size(), 100u);
}

TEST(WorkQueue, BacksOffWithinBoundsWhileOthersGoOn) {
  Bench bench;
  bench.failing.insert("bad");
  bench.queue.add("bad");
  bench.scheduler.run_for(base::seconds(300));
  for (std::size_t i = 1; i < bench.times.size(); ++i) {
    EXPECT_LE(bench.times[i] - bench.times[i - 1], WorkQueue::kBackOffMax + base::milliseconds(20));
  }
  EXPECT_GT(bench.passes["bad"], 8);
  EXPECT_LT(bench.passes["bad"], 40);
  bench.queue.add("good");
  bench.scheduler.run_for(base::milliseconds(20));
  EXPECT_EQ(bench.passes["good"], 1);
  // A change of the resource does not wait for the back-off.
  const int before = bench.passes["bad"];
  bench.failing.clear();
  bench.queue.add("bad");
  bench.scheduler.run_for(base::milliseconds(20));
  EXPECT_EQ(bench.passes["bad"], before + 1);
  bench.scheduler.run_for(base::seconds(300));
  EXPECT_EQ(bench.passes["bad"], before + 1);
}

TEST(WorkQueue, ComesBackWhenAPassAsksForIt) {
  Bench bench;
  bench.requeue_after = base::seconds(2);
  bench.queue.add("a");
  bench.scheduler.run_for(base::seconds(9));
  EXPECT_EQ(bench.passes["a"], 5);
}

}  // namespace
}  // namespace penstock::reconcile
