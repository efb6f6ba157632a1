#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aio/asio_reactor.h"
#include "base/aio/completion.h"
#include "base/aio/cross_reactor.h"
#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "base/aio/sleep.h"

namespace penstock::aio {
namespace {

using base::milliseconds;

Task<int> add(Reactor& reactor, int a, int b) {
  co_await yield(reactor);
  co_return a + b;
}

Task<> record_sum(Reactor& reactor, int& out) { out = co_await add(reactor, 2, 3); }

Task<> record_sleep(Reactor& reactor, CancelToken token, std::string& out) {
  const auto result = co_await sleep_for(reactor, milliseconds(10), token);
  out = result ? "slept" : "cancelled";
}

Task<> close_gate(Gate& gate, bool& closed) {
  co_await gate.close();
  closed = true;
}

TEST(SimScheduler, RunsCoroutinesAndGatesWaitForThem) {
  SimScheduler scheduler(1);
  SimReactor reactor(scheduler);
  Gate work;
  Gate closers;
  int sum = 0;
  bool closed = false;
  reactor.post([&] {
    spawn(work, "sum", record_sum(reactor, sum));
    spawn(closers, "close", close_gate(work, closed));
    EXPECT_FALSE(closed);
  });
  scheduler.run_for(milliseconds(1));
  EXPECT_EQ(sum, 5);
  EXPECT_TRUE(closed);
  EXPECT_FALSE(work.enter());
}

TEST(SimScheduler, CancelWakesASleeper) {
  SimScheduler scheduler(2);
  SimReactor reactor(scheduler);
  Gate gate;
  CancelSource cancel;
  std::string first;
  std::string second;
  reactor.post([&] {
    spawn(gate, "first", record_sleep(reactor, cancel.token(), first));
    spawn(gate, "second", record_sleep(reactor, {}, second));
    cancel.cancel();
  });
  scheduler.run_for(milliseconds(9));
  EXPECT_EQ(first, "cancelled");
  EXPECT_EQ(second, "");
  scheduler.run_for(milliseconds(1));
  EXPECT_EQ(second, "slept");
}

TEST(SimScheduler, KeepsTheOrderOfOneSenderAndReplaysASeed) {
  const auto run = [](std::uint64_t seed_value) {
    SimScheduler scheduler(seed_value);
    SimReactor a(scheduler);
    SimReactor b(scheduler);
    SimReactor target(scheduler);
    std::vector<int> order;
    for (auto [sender, first] : {std::pair{&a, 0}, std::pair{&b, 100}}) {
      sender->post([&target, &order, start = first] {
        for (int i = 0; i < 20; ++i) target.post([&order, start, i] { order.push_back(start + i); });
      });
    }
    while (scheduler.step()) {
    }
    return order;
  };
  const std::vector<int> order = run(42);
  int last_a = -1;
  int last_b = 99;
  for (const int n : order) {
    int& last = n < 100 ? last_a : last_b;
    EXPECT_EQ(n, last + 1);
    last = n;
  }
  EXPECT_EQ(order, run(42));
  EXPECT_NE(order, run(43));
}

Task<> hop(Reactor& home, Reactor& target, int& out, AsioReactor& stop) {
  auto on_target = [&target] { return target.is_current() ? 1 : 0; };
  const int there = co_await run_on(home, target, std::move(on_target));
  auto blocking = [&home] { return home.is_current() ? 0 : 1; };
  const int elsewhere = co_await run_blocking(home, std::move(blocking));
  out = there + elsewhere + (home.is_current() ? 1 : 0);
  stop.stop();
}

Task<int> answer_from(Reactor& reactor) {
  co_await yield(reactor);
  co_return reactor.is_current() ? 42 : 0;
}

Task<> ask(Reactor& home, Reactor& target, int& out) {
  out = co_await call_on(home, target, [&target] { return answer_from(target); });
  if (!home.is_current()) out = -1;
}

TEST(SimScheduler, AReactorMayHaveWrongClocks) {
  SimScheduler scheduler(4);
  SimReactor right(scheduler);
  SimReactor fast(scheduler);
  fast.set_fast_permille(100);
  fast.set_wall_ahead_ms(5000);
  EXPECT_EQ(fast.wall_ms(), right.wall_ms() + 5000);
  std::optional<base::MonoTime> fired;
  fast.call_after(base::seconds(11), [&] { fired = right.now(); });
  scheduler.run_for(base::seconds(20));
  ASSERT_TRUE(fired);
  EXPECT_EQ(*fired, base::MonoTime(base::seconds(10)));
  EXPECT_EQ(fast.now(), base::MonoTime(base::seconds(22)));
}

TEST(CrossReactor, RunsATaskThereAndComesHome) {
  SimScheduler scheduler(3);
  SimReactor home(scheduler);
  SimReactor target(scheduler);
  Gate gate;
  int there = 0;
  int here = 0;
  home.post([&] {
    spawn(gate, "there", ask(home, target, there));
    spawn(gate, "here", ask(home, home, here));
  });
  while (scheduler.step()) {
  }
  EXPECT_EQ(there, 42);
  EXPECT_EQ(here, 42);
}

TEST(AsioReactor, HopsBetweenThreadsAndBack) {
  base::SystemClock clock;
  BlockingPool pool(1);
  ReactorThread other(clock, pool, "other");
  AsioReactor home(clock, pool);
  Gate gate;
  int score = 0;
  home.post([&] { spawn(gate, "hop", hop(home, other.reactor(), score, home)); });
  home.run();
  EXPECT_EQ(score, 3);
}

TEST(AsioReactor, FiresTimersInOrderAndNotTheCancelled) {
  base::SystemClock clock;
  BlockingPool pool(1);
  AsioReactor reactor(clock, pool);
  std::vector<int> fired;
  reactor.post([&] {
    reactor.call_after(milliseconds(3), [&] {
      fired.push_back(3);
      reactor.stop();
    });
    reactor.call_after(milliseconds(1), [&] { fired.push_back(1); });
    reactor.cancel(reactor.call_after(milliseconds(2), [&] { fired.push_back(2); }));
  });
  reactor.run();
  EXPECT_EQ(fired, (std::vector<int>{1, 3}));
}

}  // namespace
}  // namespace penstock::aio
