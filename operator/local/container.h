// One container of a pod as a process: started, watched, probed, started again after a pause when it ends.
//
// The first restart is at once. The pauses grow only while the container ends again and again without ever
// having been ready, so a broker that is killed a hundred times comes back a hundred times without delay.
//
// Threads: one reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "operator/local/pod_plan.h"
#include "operator/local/probe.h"
#include "operator/local/process.h"

namespace penstock::local {

inline constexpr const char* kMarkerName = "PENSTOCK_LOCAL_CONTAINER";

struct ContainerStatus {
  enum class State { kWaiting, kRunning, kTerminated } state = State::kWaiting;
  std::string reason = "ContainerCreating";
  std::string message;
  ProcessId process;
  std::string started_at;
  std::string last_finished_at;  // Of the run before; empty for none.
  int last_exit_code = 0;
  int restart_count = 0;
  bool is_ready = false;
};

class Container {
 public:
  static constexpr base::Duration kPauseMax = base::seconds(30);
  static constexpr std::int64_t kLogBytesMax = 64 << 20;  // Then it becomes POD.log.1.

  struct Options {
    ContainerPlan plan;
    Json* spec;  // Of the container, borrowed.
    std::string marker;
    std::string log_path;
    std::string address;
    base::Duration grace;
    bool restarts = true;  // restartPolicy Always.
    int restart_count = 0;
    ProcessId adopted;  // Already running, or none.
  };

  Container(aio::AsioReactor& reactor, aio::Transport& transport, Options options,
            std::function<void()> on_change);

  void start();
  // SIGTERM, SIGKILL after the grace period, and the end of everything.
  aio::Task<> stop(base::Duration grace);
  // Lets go of the process, which runs on.
  aio::Task<> release();

  const ContainerStatus& status() const { return status_; }
  const std::string& name() const { return options_.plan.name; }

 private:
  aio::Task<> run();
  aio::Task<> run_once();
  aio::Task<> probe(std::uint64_t run);
  aio::Task<> terminate(ProcessId process, base::Duration grace);
  void note_exit(ExitStatus exit);
  void rotate_log();
  base::Result<ProcessId> start_or_adopt();

  aio::AsioReactor& reactor_;
  aio::Transport& transport_;
  Options options_;
  std::function<void()> on_change_;
  ContainerStatus status_;
  ProbeState readiness_;
  ProbeState liveness_;
  ProbeState startup_;
  std::uint64_t run_ = 0;   // Counts the processes, so that an old probe knows that it is.
  int fruitless_runs_ = 0;  // Ends in a row without having been ready.
  bool was_ready_ = false;
  bool is_releasing_ = false;
  std::unique_ptr<ExitWatch> watch_;
  std::optional<aio::Completion<ExitStatus>> exit_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::local
