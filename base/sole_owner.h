// Writing in place to what a shared_ptr holds, once its other holders, maybe in other threads, are gone.
//
// Threads: the caller's own shared_ptr is touched by one thread; nobody makes a weak_ptr of the object.
#pragma once

#include <atomic>
#include <memory>

namespace penstock::base {

// Whether `shared` is the only holder. If so, the caller sees all that the others did before they let go.
template <typename T>
bool is_sole_owner(const std::shared_ptr<T>& shared) {
  if (shared.use_count() != 1) return false;
  // use_count() is a relaxed load; the last holder's decrement was a release.
#if __has_feature(thread_sanitizer)
  // It does not follow fences, but does follow the counter, whose every change acquires.
  const std::shared_ptr<T> acquired = shared;
#else
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  return true;
}

}  // namespace penstock::base
