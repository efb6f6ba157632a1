// One task per part of a request, each on its part's reactor, all at once.
//
// Threads: awaited on `home`.
#pragma once

#include <cstddef>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/cross_reactor.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"

namespace penstock::replication {

namespace internal {

struct Countdown {
  std::size_t left = 0;
  aio::Completion<bool> done;
};

template <typename Part, typename Run>
aio::Task<> run_part(aio::Reactor& home, Part& part, Run& run, Countdown& countdown) {
  co_await aio::call_on(home, *part.reactor, [&part, &run] { return run(part); });
  if (--countdown.left == 0) countdown.done.set(true);
}

}  // namespace internal

// `run(part)` returns Task<bool> and runs on *part.reactor; `parts` and `run` stay until all have ended.
template <typename Part, typename Run>
aio::Task<> scatter(aio::Reactor& home, std::vector<Part>& parts, Run run) {
  if (parts.empty()) co_return;
  if (parts.size() == 1) {
    co_await aio::call_on(home, *parts[0].reactor, [&] { return run(parts[0]); });
    co_return;
  }
  internal::Countdown countdown{.left = parts.size(), .done = {}};
  for (Part& part : parts) aio::start_detached(internal::run_part(home, part, run, countdown));
  co_await countdown.done.wait();
}

}  // namespace penstock::replication
