// Keeps an ObjectCache equal to the server: list, then watch from there, for as long as it runs.
//
// Back-off on errors is jittered and bounded. The list is taken anew when the server says that our version is
// gone, after kFailedWatchesMax failures in a row, and every kRelistEvery watches, so that nothing missed
// stays missed. A server that says it has no such kind is believed when it has said so kUnservedAfter times:
// one that is starting says it too. Threads: one reactor. Lifetime: stop() before destruction.
#pragma once

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/random.h"
#include "operator/kube/cache.h"

namespace penstock::kube {

class Informer {
 public:
  Informer(aio::Reactor& reactor, base::Random& random, KubeClient& client, Kind kind, Selection selection,
           ObjectCache& cache);

  void start();
  aio::Task<> stop();

  // The first list has been taken, or the server does not have this kind.
  bool has_synced() const { return has_synced_; }
  bool is_served() const { return is_served_; }
  Kind kind() const { return kind_; }
  const Selection& selection() const { return selection_; }
  // What the last list or watch failed with; empty when it went well.
  const std::string& problem() const { return problem_; }

 private:
  aio::Task<> run();
  // One list and the watches that follow it. Returns when a new list is needed.
  aio::Task<base::Result<>> list_and_watch();
  // Tells of an error and says how long to wait after it.
  base::Duration on_error(const base::Error& error);
  base::Duration jittered(base::Duration delay);
  void on_event(WatchEventType type, const Json& object);

  static constexpr int kRelistEvery = 10;
  static constexpr int kFailedWatchesMax = 6;
  static constexpr int kUnservedAfter = 3;

  aio::Reactor& reactor_;
  base::Random& random_;
  KubeClient& client_;
  const Kind kind_;
  const Selection selection_;
  ObjectCache& cache_;
  std::string resource_version_;
  bool has_synced_ = false;
  bool is_served_ = true;
  int failures_ = 0;  // In a row.
  int times_unserved_ = 0;
  std::string problem_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::kube
