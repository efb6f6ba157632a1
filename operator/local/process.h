// Processes that outlive the program that started them, and how a later one finds them again.
//
// Each runs in a session of its own, with its output appended to a file and no other descriptor of ours. A
// marker in its environment says what it is, so that after a crash of penstock-local nothing written
// beforehand is needed to find it: the process itself is the record.
//
// Threads: one reactor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "base/error.h"

namespace penstock::local {

// A pid together with when it started, which no other process ever has.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // Field 22 of /proc/PID/stat.

  explicit operator bool() const { return pid > 0; }
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is the path of the program.
  std::vector<std::string> environment;
  std::string working_directory;
  std::string log_path;
};

// ERRORS: kNotFound, kPermissionDenied, kIo naming the program.
base::Result<ProcessId> start_process(const ProcessSpec& spec);

// Whether it is still that process, and no zombie.
bool is_alive(const ProcessId& process);
// To its whole group. Nothing happens when it is gone.
void signal_process(const ProcessId& process, int signal);

struct FoundProcess {
  ProcessId id;
  std::string value;  // Of the marker.
};
// Session leaders whose environment has NAME=VALUE with a value that starts with `prefix`.
std::vector<FoundProcess> find_processes(const std::string& name, const std::string& prefix);

// How a process ended. `code` is 128 + the signal's number after a signal, as a shell says it; -1 for the end
// of a process that is not our child, which nobody can tell.
struct ExitStatus {
  int code = -1;
};

// Calls back once, when the process ends. Works for children and for adopted processes.
// Lifetime: no call after destruction.
class ExitWatch {
 public:
  using Callback = std::function<void(ExitStatus)>;
  ExitWatch(aio::AsioReactor& reactor, ProcessId process, Callback callback);
  ~ExitWatch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace penstock::local
