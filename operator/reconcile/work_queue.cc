#include "operator/reconcile/work_queue.h"

#include <algorithm>

#include "base/log.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

}  // namespace

aio::Task<> WorkQueue::stop() {
  is_stopped_ = true;
  ready_.clear();
  for (auto& [key, item] : items_) reactor_.cancel(item.timer);
  co_await gate_.close();
}

void WorkQueue::add(const std::string& key) {
  if (is_stopped_) return;
  Item& item = items_[key];
  reactor_.cancel(std::exchange(item.timer, aio::TimerId::kNone));
  if (item.is_queued) return;
  item.is_queued = true;
  if (item.is_running) return;  // run() puts it into the queue when its pass has ended.
  ready_.push_back(key);
  // Posted, so that a burst of changes becomes one pass.
  reactor_.post([this] { start_more(); });
}

void WorkQueue::start_more() {
  while (!is_stopped_ && running_ < kParallelMax && !ready_.empty()) {
    std::string key = std::move(ready_.front());
    ready_.pop_front();
    Item& item = items_[key];
    item.is_queued = false;
    item.is_running = true;
    ++running_;
    aio::spawn(gate_, "reconcile", run(std::move(key)));
  }
}

aio::Task<> WorkQueue::run(std::string key) {
  const auto outcome = co_await pass_(key);
  ++passes_;
  --running_;
  if (is_stopped_) co_return;
  Item& item = items_[key];
  item.is_running = false;
  if (!outcome) {
    ++failures_;
    ++item.failures;
    const base::Duration delay = back_off(item.failures);
    const base::Errc code = outcome.error().code();
    const bool is_stopping = code == base::Errc::kShuttingDown || code == base::Errc::kCancelled;
    if (!is_stopping)
      log.warn("{}: {}; trying again in {} ms", key, outcome.error().what(), delay.count() / 1'000'000);
    if (!item.is_queued) schedule(key, delay);
  } else {
    item.failures = 0;
    if (!item.is_queued && outcome->requeue_after > base::Duration::zero())
      schedule(key, outcome->requeue_after);
  }
  if (item.is_queued) {
    ready_.push_back(key);
  } else if (item.failures == 0 && item.timer == aio::TimerId::kNone) {
    items_.erase(key);
  }
  start_more();
}

void WorkQueue::schedule(const std::string& key, base::Duration delay) {
  items_[key].timer = reactor_.call_after(delay, [this, key] {
    items_[key].timer = aio::TimerId::kNone;
    add(key);
  });
}

base::Duration WorkQueue::back_off(int failures) {
  const auto delay = std::min<base::Duration>(kBackOffMin * (1LL << std::min(failures - 1, 10)), kBackOffMax);
  return delay / 2 + base::Duration(static_cast<std::int64_t>(
                         random_.below(static_cast<std::uint64_t>(delay.count() / 2))));
}

}  // namespace penstock::reconcile
