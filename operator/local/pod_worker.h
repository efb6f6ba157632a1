// One Pod: prepares its files, runs its containers, reports its status, and cleans up after its deletion.
//
// Threads: one reactor.
// Lifetime: shared with the task of run(), which ends after stop_for_deletion() or stop().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/task.h"
#include "operator/local/container.h"
#include "operator/local/pod_runner.h"

namespace penstock::local {

class PodWorker : public std::enable_shared_from_this<PodWorker> {
 public:
  PodWorker(PodRunner& runner, ObjectPtr pod);

  aio::Task<> run();
  // The Pod has a deletionTimestamp, or is gone.
  void stop_for_deletion() { end(End::kDelete); }
  void stop(bool keeps_processes) { end(keeps_processes ? End::kRelease : End::kShutdown); }
  void refresh_files();

 private:
  enum class End { kNone, kDelete, kShutdown, kRelease };

  void end(End how);
  base::Result<> prepare();
  aio::Task<> end_leftovers();
  base::Result<> write_files(const PodPlan& plan);
  base::Result<PodPlan> plan(const Json& pod);
  void report();
  Json status_of_container(const Container& container) const;
  void clean_up();
  ObjectPtr current() const;
  base::Duration grace() const;

  PodRunner& runner_;
  const ObjectKey key_;
  const std::string uid_;
  ObjectPtr pod_;
  std::shared_ptr<Json> container_specs_;
  std::string address_;
  std::string problem_;  // Why it cannot start yet.
  std::vector<std::unique_ptr<Container>> containers_;
  End end_ = End::kNone;
  aio::CancelSource ending_;
  aio::Completion<bool> ended_;
};

}  // namespace penstock::local
