// The production reactor: one Boost.Asio io_context run by one thread.
//
// Threads: run() is called by the one thread that becomes the reactor's.
// Lifetime: stop() from any thread makes run() return; destroyed after run() has returned.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "base/aio/reactor.h"

namespace boost::asio {
class io_context;
}

namespace penstock::aio {

// The threads on which run_blocking() work runs. Shared by all reactors of a program.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads);
  ~BlockingPool();  // Finishes what is queued, then joins.
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  void submit(Reactor::Work work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class AsioReactor final : public Reactor {
 public:
  AsioReactor(const base::Clock& clock, BlockingPool& pool);
  ~AsioReactor() override;

  // Runs until stop(). Blocks.
  void run();
  void stop();

  void post(Work work) override;
  TimerId call_at(base::MonoTime when, Work work) override;
  void cancel(TimerId timer) override;
  void run_blocking(Work work, Work done) override;
  base::MonoTime now() const override;
  std::int64_t wall_ms() const override;
  bool is_current() const override;

  // For broker/net, the only other module that speaks Asio.
  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A reactor with its own thread, named for `top -H`.
class ReactorThread {
 public:
  ReactorThread(const base::Clock& clock, BlockingPool& pool, std::string name);
  ~ReactorThread();  // Stops and joins.
  AsioReactor& reactor() { return reactor_; }
  void stop_and_join();

 private:
  AsioReactor reactor_;
  std::thread thread_;
};

}  // namespace penstock::aio
