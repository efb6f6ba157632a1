// A program that runs beside a command and ends with it, even if the command is killed. Its standard output
// is dropped, its errors are shown.
//
// Threads: the one that started it; start() may be called while others run.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace penstock::cli {

class ChildProcess {
 public:
  // `arguments[0]` is looked for on the PATH; a program that is not there ends with status 127.
  // ERRORS: that of fork().
  static base::Result<ChildProcess> start(const std::vector<std::string>& arguments);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Ends it (SIGTERM) and waits.
  ~ChildProcess();

  bool is_running();
  // Once it has ended.
  int exit_status() const { return exit_status_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  void end();

  pid_t pid_ = 0;  // 0: it has ended.
  int exit_status_ = 0;
};

}  // namespace penstock::cli
