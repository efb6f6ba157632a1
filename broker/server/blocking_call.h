// Runs a task on a reactor from a thread that is none and waits for its result: start-up and shutdown only.
#pragma once

#include <future>
#include <utility>

#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"

namespace penstock::server {

namespace internal {

template <typename T, typename Factory>
aio::Task<> fulfil(Factory make_task, std::promise<T> promise) {
  promise.set_value(co_await make_task());
}

}  // namespace internal

// REQUIRES: the caller is not on a reactor, and `reactor` runs until the task ends.
template <typename Factory>
auto begin_call(aio::Reactor& reactor, Factory make_task) {
  using T = decltype(std::declval<Factory&>()().await_resume());
  std::promise<T> promise;
  auto future = promise.get_future();
  reactor.post([promise = std::move(promise), make_task = std::move(make_task)]() mutable {
    aio::start_detached(internal::fulfil<T, Factory>(std::move(make_task), std::move(promise)));
  });
  return future;
}

template <typename Factory>
auto blocking_call(aio::Reactor& reactor, Factory make_task) {
  return begin_call(reactor, std::move(make_task)).get();
}

}  // namespace penstock::server
