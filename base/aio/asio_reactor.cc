#include "base/aio/asio_reactor.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace penstock::aio {

namespace asio = boost::asio;

struct BlockingPool::Impl {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Reactor::Work> queue;  // Bounded by its callers: each has one call under way at a time.
  bool is_stopping = false;
  std::vector<std::thread> threads;

  void run() {
    pthread_setname_np(pthread_self(), "blocking");
    for (;;) {
      Reactor::Work work;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return is_stopping || !queue.empty(); });
        if (queue.empty()) return;
        work = std::move(queue.front());
        queue.pop_front();
      }
      work();
    }
  }
};

BlockingPool::BlockingPool(std::size_t threads) : impl_(std::make_unique<Impl>()) {
  for (std::size_t i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->run(); });
}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->is_stopping = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void BlockingPool::submit(Reactor::Work work) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->queue.push_back(std::move(work));
  }
  impl_->wake.notify_one();
}

namespace {
thread_local const void* current_reactor = nullptr;
}

struct AsioReactor::Impl {
  Impl(const base::Clock& the_clock, BlockingPool& the_pool)
      : clock(the_clock), pool(the_pool), context(1), timer(context) {}

  const base::Clock& clock;
  BlockingPool& pool;
  asio::io_context context;
  asio::steady_timer timer;
  using TimerKey = std::pair<base::MonoTime, std::uint64_t>;
  std::map<TimerKey, Work> timers;
  std::map<std::uint64_t, base::MonoTime> due_of;
  std::uint64_t next_id = 1;
  base::MonoTime armed_for = base::MonoTime::max();

  void arm() {
    if (timers.empty()) return;
    const base::MonoTime first = timers.begin()->first.first;
    if (first >= armed_for) return;  // Already armed for an earlier or equal time.
    armed_for = first;
    timer.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(first.time_since_epoch())));
    timer.async_wait([this](const boost::system::error_code& code) {
      if (code) return;  // Re-armed for another time.
      armed_for = base::MonoTime::max();
      fire();
    });
  }

  void fire() {
    const base::MonoTime now = clock.now();
    while (!timers.empty() && timers.begin()->first.first <= now) {
      auto node = timers.extract(timers.begin());
      due_of.erase(node.key().second);
      node.mapped()();
    }
    arm();
  }
};

AsioReactor::AsioReactor(const base::Clock& clock, BlockingPool& pool)
    : impl_(std::make_unique<Impl>(clock, pool)) {}
AsioReactor::~AsioReactor() = default;

void AsioReactor::run() {
  current_reactor = this;
  auto keep_running = asio::make_work_guard(impl_->context);
  impl_->context.run();
  current_reactor = nullptr;
}

void AsioReactor::stop() { impl_->context.stop(); }

void AsioReactor::post(Work work) {
  asio::post(impl_->context, [work = std::move(work)]() mutable { work(); });
}

TimerId AsioReactor::call_at(base::MonoTime when, Work work) {
  const std::uint64_t id = impl_->next_id++;
  impl_->timers.emplace(Impl::TimerKey{when, id}, std::move(work));
  impl_->due_of.emplace(id, when);
  impl_->arm();
  return TimerId{id};
}

void AsioReactor::cancel(TimerId timer) {
  const auto found = impl_->due_of.find(static_cast<std::uint64_t>(timer));
  if (found == impl_->due_of.end()) return;
  impl_->timers.erase({found->second, found->first});
  impl_->due_of.erase(found);
}

void AsioReactor::run_blocking(Work work, Work done) {
  impl_->pool.submit([this, work = std::move(work), done = std::move(done)]() mutable {
    work();
    post(std::move(done));
  });
}

base::MonoTime AsioReactor::now() const { return impl_->clock.now(); }
std::int64_t AsioReactor::wall_ms() const { return impl_->clock.wall_ms(); }
bool AsioReactor::is_current() const { return current_reactor == this; }
boost::asio::io_context& AsioReactor::context() { return impl_->context; }

ReactorThread::ReactorThread(const base::Clock& clock, BlockingPool& pool, std::string name)
    : reactor_(clock, pool), thread_([this, name = std::move(name)] {
        pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        reactor_.run();
      }) {}

ReactorThread::~ReactorThread() { stop_and_join(); }

void ReactorThread::stop_and_join() {
  reactor_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace penstock::aio
