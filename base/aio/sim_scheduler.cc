#include "base/aio/sim_scheduler.h"

#include <algorithm>
#include <utility>

namespace penstock::aio {

SimReactor::SimReactor(SimScheduler& scheduler) : scheduler_(scheduler), id_(scheduler.next_reactor_id_++) {
  scheduler_.reactors_.push_back(this);
}

// What it sent is still delivered.
SimReactor::~SimReactor() { std::erase(scheduler_.reactors_, this); }

void SimReactor::post(Work work) {
  mailboxes_[scheduler_.current_ == nullptr ? 0 : scheduler_.current_->id_].push_back(std::move(work));
}

TimerId SimReactor::call_at(base::MonoTime when, Work work) {
  const std::uint64_t id = scheduler_.next_timer_id_++;
  timers_.emplace(std::pair{std::max(scheduler_time(when), scheduler_.now_), id}, std::move(work));
  return TimerId{id};
}

void SimReactor::cancel(TimerId timer) {
  std::erase_if(timers_, [timer](const auto& entry) {
    return entry.first.second == static_cast<std::uint64_t>(timer);
  });
}

void SimReactor::run_blocking(Work work, Work done) {
  const base::Duration most =
      std::max(blocking_max_.value_or(scheduler_.options_.blocking_max), scheduler_.options_.blocking_min);
  const auto spread = most - scheduler_.options_.blocking_min;
  const base::Duration delay = scheduler_.options_.blocking_min +
                               base::Duration(static_cast<std::int64_t>(
                                   scheduler_.random_.below(static_cast<std::uint64_t>(spread.count()) + 1)));
  call_after(delay, [work = std::move(work), done = std::move(done)]() mutable {
    work();
    done();
  });
}

namespace {
constexpr std::int64_t kPermille = 1000;
}

base::MonoTime SimReactor::now() const {
  if (fast_permille_ == 0) return scheduler_.now_;
  const __int128 true_time = scheduler_.now_.time_since_epoch().count();
  return base::MonoTime(
      base::Duration(static_cast<std::int64_t>(true_time * (kPermille + fast_permille_) / kPermille)));
}

base::MonoTime SimReactor::scheduler_time(base::MonoTime local) const {
  if (fast_permille_ == 0) return local;
  const __int128 rate = kPermille + fast_permille_;
  const __int128 time =
      (static_cast<__int128>(local.time_since_epoch().count()) * kPermille + rate - 1) / rate;
  const auto latest = static_cast<__int128>(base::MonoTime::max().time_since_epoch().count());
  return base::MonoTime(base::Duration(static_cast<std::int64_t>(std::min(time, latest))));
}

std::int64_t SimReactor::wall_ms() const { return scheduler_.wall_ms() + wall_ahead_ms_; }
bool SimReactor::is_current() const { return scheduler_.current_ == this; }

bool SimScheduler::run_one_due() {
  struct Choice {
    SimReactor* reactor;
    std::uint64_t sender;
    bool is_timer;
  };
  std::vector<Choice> choices;
  for (SimReactor* reactor : reactors_) {
    if (reactor->is_halted_) continue;
    for (auto& [sender, box] : reactor->mailboxes_) {
      if (!box.empty()) choices.push_back({reactor, sender, false});
    }
    if (!reactor->timers_.empty() && reactor->timers_.begin()->first.first <= now_)
      choices.push_back({reactor, 0, true});
  }
  if (choices.empty()) return false;
  const Choice choice = choices[random_.below(choices.size())];
  Reactor::Work work;
  if (choice.is_timer) {
    work = std::move(choice.reactor->timers_.extract(choice.reactor->timers_.begin()).mapped());
  } else {
    auto box = choice.reactor->mailboxes_.find(choice.sender);
    work = std::move(box->second.front());
    box->second.pop_front();
    if (box->second.empty()) choice.reactor->mailboxes_.erase(box);
  }
  current_ = choice.reactor;
  last_ = choice.reactor;
  work();
  current_ = nullptr;
  return true;
}

base::MonoTime SimScheduler::next_timer() const {
  base::MonoTime first = base::MonoTime::max();
  for (const SimReactor* reactor : reactors_) {
    if (!reactor->is_halted_ && !reactor->timers_.empty())
      first = std::min(first, reactor->timers_.begin()->first.first);
  }
  return first;
}

bool SimScheduler::step() {
  if (run_one_due()) return true;
  const base::MonoTime next = next_timer();
  if (next == base::MonoTime::max()) return false;
  now_ = std::max(now_, next);
  return run_one_due();
}

void SimScheduler::run_until(base::MonoTime until) {
  for (;;) {
    if (run_one_due()) continue;
    const base::MonoTime next = next_timer();
    if (next > until) break;
    now_ = std::max(now_, next);
  }
  now_ = std::max(now_, until);
}

}  // namespace penstock::aio
