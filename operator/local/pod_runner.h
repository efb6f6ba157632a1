// The kubelet of the local runtime: keeps one worker for each Pod in the store.
//
// Threads: one reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/asio_reactor.h"
#include "base/aio/gate.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "operator/local/address_book.h"
#include "operator/local/objects.h"
#include "operator/local/pod_plan.h"
#include "operator/local/process.h"

namespace penstock::local {

class PodWorker;

class PodRunner {
 public:
  PodRunner(aio::AsioReactor& reactor, aio::Transport& transport, base::Disk& disk, Objects& objects,
            AddressBook& addresses, HostPaths paths);
  ~PodRunner();

  // Finds the processes of an earlier run of this program; ends those whose pod is gone.
  void take_up();
  // Makes workers follow the store. Called after every change.
  void sync();
  // Writes the files of a ConfigMap or Secret anew for the pods that mount it.
  void refresh_files();
  // `keeps_processes`: they run on, for the next penstock-local to take up.
  aio::Task<> stop(bool keeps_processes);

 private:
  friend class PodWorker;
  ProcessId take_process(const std::string& marker);
  // Those of a pod that nobody has taken up.
  std::vector<ProcessId> take_processes(const std::string& uid);
  void forget(const std::string& uid);

  aio::AsioReactor& reactor_;
  aio::Transport& transport_;
  base::Disk& disk_;
  Objects& objects_;
  AddressBook& addresses_;
  const HostPaths paths_;
  std::map<std::string, ProcessId> found_;                     // By marker.
  std::map<std::string, std::shared_ptr<PodWorker>> workers_;  // By uid.
  bool is_stopping_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::local
