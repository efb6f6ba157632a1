// What is to be reconciled: keys, each at most once in the queue and never twice under way.
//
// A key that is added while its pass runs is run again after it: changes in between are coalesced. A failed
// pass is retried with jittered back-off of its own, so that one bad resource starves nobody. Bounds:
// kParallelMax passes at a time; the back-off is between kBackOffMin and kBackOffMax. Threads: one reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/reconcile/step.h"

namespace penstock::reconcile {

class WorkQueue {
 public:
  using Pass = std::function<aio::Task<base::Result<PassOutcome>>(std::string key)>;

  WorkQueue(aio::Reactor& reactor, base::Random& random, Pass pass)
      : reactor_(reactor), random_(random), pass_(std::move(pass)) {}
  // Waits for the passes under way.
  aio::Task<> stop();

  void add(const std::string& key);

  std::uint64_t passes() const { return passes_; }
  std::uint64_t failures() const { return failures_; }
  std::size_t depth() const { return ready_.size(); }

  static constexpr int kParallelMax = 8;
  static constexpr base::Duration kBackOffMin = base::milliseconds(200);
  static constexpr base::Duration kBackOffMax = base::seconds(30);

 private:
  struct Item {
    bool is_queued = false;
    bool is_running = false;
    int failures = 0;
    aio::TimerId timer = aio::TimerId::kNone;
  };

  void start_more();
  aio::Task<> run(std::string key);
  void schedule(const std::string& key, base::Duration delay);
  base::Duration back_off(int failures);

  aio::Reactor& reactor_;
  base::Random& random_;
  Pass pass_;
  std::map<std::string, Item> items_;
  std::deque<std::string> ready_;
  int running_ = 0;
  std::uint64_t passes_ = 0;
  std::uint64_t failures_ = 0;
  bool is_stopped_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::reconcile
